import { testScenes } from "./scene-tests.ts";

testScenes("overview");
