// What npm's webvtt-parser makes of files: one JSON line each, with the cues and the errors it found.
// node check_webvtt.cjs <folder of node_modules> <file>...
const fs = require("node:fs");
const path = require("node:path");

const [modules, ...files] = process.argv.slice(2);
const { WebVTTParser } = require(path.join(modules, "webvtt-parser"));
for (const file of files) {
  const found = new WebVTTParser().parse(fs.readFileSync(file, "utf8"), "metadata");
  const cues = found.cues.map((cue) => [cue.startTime, cue.endTime, cue.text]);
  console.log(JSON.stringify({ cues, errors: found.errors }));
}
