// A push server for benches: HTTP/2 over TLS on 127.0.0.1. node push_fake.cjs FOLDER [open | told]; prints its port, then serves,
// with `told` a line for every token that was told something.
// FOLDER holds apns.pem, apns.key, root.pem. A client certificate under the root is demanded, unless `open`: h2load has none to show.
const fs = require("fs");
const http2 = require("http2");
const path = require("path");

const [folder, mode] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(folder, name));
const closed = mode !== "open";
const PATH = /^\/3\/device\/[0-9a-f]{64}$/;
const lines = [];
const server = http2.createSecureServer({
  key: read("apns.key"), cert: read("apns.pem"), ca: read("root.pem"), requestCert: closed, rejectUnauthorized: closed,
  settings: { maxConcurrentStreams: 1000 },
});
server.on("stream", (stream, headers) => {
  const good = PATH.test(headers[":path"]) && headers["apns-topic"];
  stream.on("error", () => {});
  stream.on("data", () => {});
  stream.on("end", () => {
    stream.respond({ ":status": good ? 200 : 400, "apns-id": headers["apns-id"] || "" }, { endStream: Boolean(good) });
    if (good && mode === "told") lines.push(headers[":path"].slice(10));
    if (!good) stream.end('{"reason":"BadDeviceToken"}');
  });
});
setInterval(() => lines.length && process.stdout.write(lines.splice(0).join("\n") + "\n"), 50);
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
