import { Option } from "commander";

export function jsonOption(): Option {
  return new Option("--json", "print JSON, for programs");
}
