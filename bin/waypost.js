#!/usr/bin/env node
// Says which Node.js is needed before anything is loaded that an older one cannot even read.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  console.error(
    `Waypost needs Node.js 24.15 or newer; this is ${process.versions.node}. See https://nodejs.org/en/download`,
  );
  process.exit(1);
}
await import("../dist/cli.js");
