// Stand-ins for Frontol and for Windows' objects; a request waits for its answer as there, so another process makes it.
const fs = require("fs"), { spawnSync } = require("child_process");
const asked = `const [method, url, headers, body] = JSON.parse(require("fs").readFileSync(0, "utf8"));
fetch(url, { method, headers, body: body || undefined }).then(async answer => console.log(JSON.stringify([answer.status, await answer.text()])));`;
class Request {
  setTimeouts() {}
  open(method, url) { this.method = method; this.url = url; this.headers = {}; }
  setRequestHeader(name, value) { this.headers[name] = value; }
  send(body) {
    const done = spawnSync(process.execPath, ["-e", asked], { input: JSON.stringify([this.method, this.url, this.headers, body]), encoding: "utf8" });
    if (done.status !== 0) throw new Error("no answer");
    [this.status, this.responseText] = JSON.parse(done.stdout);
  }
}
class Files {
  FileExists(path) { return fs.existsSync(path); }
  DeleteFile(path) { fs.unlinkSync(path); }
  OpenTextFile(path, mode) {
    const text = mode === 1 ? fs.readFileSync(path, "utf8") : "";
    return { AtEndOfStream: text === "", ReadAll: () => text, ReadLine: () => text.split("\n")[0], Close() {}, WriteLine: line => fs.appendFileSync(path, line + "\r\n") };
  }
}
globalThis.ActiveXObject = function (name) { return name.includes("HTTP") ? new Request() : new Files(); };
const said = [], heard = {};
globalThis.frontol = {
  addEventListener: (event, act, before) => { (heard[event] ??= []).push(act); },
  codeWorkplace: 3, sessionNumber: 12, actions: { showMessage: text => said.push(text), showError: text => said.push(text), cancel: () => said.push("cancelled") },
  currentDocument: { cardValues: "", number: 41, totalSum: 1250, position: { index: 1, count: 1, storno: 0, totalSum: 1250, ware: { text: 'Coffee "beans"', code: 4601 } } } };
const raise = (event, ...given) => heard[event].forEach(act => (0, eval)(act)(...given));
