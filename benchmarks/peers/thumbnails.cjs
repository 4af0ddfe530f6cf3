// sharp, as benchmarks/peers/thumbnails.py has the others: node thumbnails.cjs MODULES FOLDER WxH QUALITY OUT
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const [modules, folder, size, quality, out] = process.argv.slice(2);
const sharp = require(path.join(modules, "sharp"));
sharp.concurrency(1);
sharp.cache(false);
const [width, height] = size.split("x").map(Number);
const make = (data) =>
  sharp(data)
    .resize(width, height, { fit: "inside" })
    .jpeg({ quality: Number(quality), chromaSubsampling: "4:2:0" })
    .toBuffer();

(async () => {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith(".jpg")).sort();
  const pictures = names.map((name) => fs.readFileSync(path.join(folder, name)));
  for (let at = 0; at < names.length; at++) fs.writeFileSync(path.join(out, names[at]), await make(pictures[at]));
  console.log(`${sharp.versions.sharp}, libvips ${sharp.versions.vips}`);
  for await (const _ of readline.createInterface({ input: process.stdin })) {
    const before = process.cpuUsage();
    for (const picture of pictures) await make(picture);
    const spent = process.cpuUsage(before);
    console.log(1000 * (spent.user + spent.system));
  }
})();
