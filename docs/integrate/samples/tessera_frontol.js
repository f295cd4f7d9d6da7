// Frontol 5/6, external script (Настройки → Скрипты). JScript: no JSON, no const, no arrow functions; requests wait for their answer.
// Fill in the four lines below; everything else can stay.
var TESSERA = "https://cards.example.com";
var TESSERA_KEY_FILE = "C:\\ProgramData\\tessera\\key.txt";    // one line; readable by the till's account alone
var TESSERA_QUEUE = "C:\\ProgramData\\tessera\\queue.txt";     // sales that nobody answered, one a line
var TESSERA_PAYMENT = 0;    // code of the payment type "points" in Frontol; 0: points are never spent here

var tessera = { card: "", id: "", points: 0, key: "", sold: "" };

function init() {
  frontol.addEventListener("openDocument", "tesseraForget", false);
  frontol.addEventListener("cancelDocument", "tesseraForget", false);
  frontol.addEventListener("addCard", "tesseraCard", false);
  frontol.addEventListener("addPayment", "tesseraPay", true);
  frontol.addEventListener("closeDocument", "tesseraSell", false);
}

function tesseraForget() {
  tessera = { card: "", id: "", points: 0, key: "", sold: "" };
}

// A card was read or typed into the document.
function tesseraCard() {
  var code = String(frontol.currentDocument.cardValues);
  var answer = tesseraCall("GET", "/api/v1/cards?code=" + encodeURIComponent(code), null, "");
  if (answer.status !== 200) { frontol.actions.showMessage(answer.text); return; }
  var number = tesseraText(answer.body, "number");
  if (number === "") { frontol.actions.showMessage("Карта не найдена. Продолжайте без неё."); return; }
  tessera.card = number;
  tessera.key = tesseraNewKey();
  var quote = tesseraCall("POST", "/api/v1/sales/quote", tesseraPurchase(0), "");
  var spend = quote.status === 200 ? tesseraNumber(quote.body, "redeemable", "points") : 0;
  var hint = quote.status === 200 ? tesseraFirst(quote.body, "hints") : "";
  frontol.actions.showMessage("На карте: " + tesseraNumber(answer.body, "balances", "points") + ". Можно списать: " + spend + "." + (hint ? "\n" + hint : ""));
}

// Before a payment in points is taken: the server says what it is worth. Throwing is how Frontol is told "no".
function tesseraPay(payment) {
  if (!TESSERA_PAYMENT || !tessera.card || payment.type.code !== TESSERA_PAYMENT) return;
  tessera.points = Math.floor(payment.sumInBaseCurrency);
  var quote = tesseraCall("POST", "/api/v1/sales/quote", tesseraPurchase(tessera.points), "");
  if (quote.status !== 200) {
    tessera.points = 0;
    frontol.actions.showError(quote.text);
    frontol.actions.cancel();
  }
}

// The document is closed and printed.
function tesseraSell() {
  tesseraSendQueue();
  if (!tessera.card) return;
  var line = tessera.key + "\t" + tesseraPurchase(tessera.points, true);
  var answer = tesseraCall("POST", "/api/v1/sales", line.split("\t")[1], tessera.key);
  if (answer.status === 0 || answer.status === 429 || answer.status >= 500) tesseraKeep(line);
  else if (answer.status !== 201) frontol.actions.showMessage(answer.text);
  tesseraForget();
}

function tesseraPurchase(points, whole) {
  var document_ = frontol.currentDocument, lines = [];
  for (document_.position.index = 1; document_.position.index <= document_.position.count; document_.position.index++) {
    if (document_.position.storno) continue;
    lines.push('{"name": ' + tesseraQuoted(document_.position.ware.text) + ', "sku": ' + tesseraQuoted(document_.position.ware.code) +
               ', "amount": ' + tesseraMinor(document_.position.totalSum) + "}");
  }
  return '{"code": ' + tesseraQuoted(tessera.card) + ', "amount": ' + tesseraMinor(document_.totalSum) + ', "lines": [' + lines.join(", ") + "]" +
    (points ? ', "redeem": {"points": ' + points + "}" : "") +
    (whole ? ', "receipt": ' + tesseraQuoted(frontol.codeWorkplace + "-" + frontol.sessionNumber + "-" + document_.number) + ', "at": "' + tesseraNow() + '"' : "") + "}";
}

function tesseraMinor(sum) { return Math.round(sum * 100); }

// What could not be said is said with the next receipt, with the same key, the same words and the moment of the sale.
function tesseraKeep(line) {
  var files = new ActiveXObject("Scripting.FileSystemObject");
  var file = files.OpenTextFile(TESSERA_QUEUE, 8, true, -1);
  file.WriteLine(line);
  file.Close();
}

function tesseraSendQueue() {
  var files = new ActiveXObject("Scripting.FileSystemObject");
  if (!files.FileExists(TESSERA_QUEUE)) return;
  var file = files.OpenTextFile(TESSERA_QUEUE, 1, false, -1);
  var lines = file.AtEndOfStream ? [] : file.ReadAll().split(/\r?\n/);
  file.Close();
  files.DeleteFile(TESSERA_QUEUE);
  var silent = false;
  for (var index = 0; index < lines.length; index++) {
    if (!lines[index]) continue;
    var parts = lines[index].split("\t");
    var answer = silent ? { status: 0 } : tesseraCall("POST", "/api/v1/sales", parts[1], parts[0]);
    if (answer.status === 0 || answer.status === 429 || answer.status >= 500) { silent = true; tesseraKeep(lines[index]); }
    else if (answer.status !== 201) frontol.actions.showMessage("Чек без связи не принят: " + answer.text);
  }
}

function tesseraCall(method, path, body, key) {
  var request = new ActiveXObject("MSXML2.ServerXMLHTTP.6.0");
  try {
    request.setTimeouts(2000, 2000, 4000, 8000);
    request.open(method, TESSERA + path, false);
    request.setRequestHeader("Authorization", "Bearer " + tesseraKey());
    request.setRequestHeader("Accept-Language", "ru");
    if (body !== null) request.setRequestHeader("Content-Type", "application/json");
    if (key) request.setRequestHeader("Idempotency-Key", key);
    request.send(body === null ? "" : body);
  } catch (failure) {
    return { status: 0, body: "", text: "Нет связи с сервером карт. Продажа уйдёт, когда связь вернётся." };
  }
  var text = String(request.responseText);
  return { status: request.status, body: text, text: request.status < 300 ? "" : tesseraText(text, "detail") };
}

function tesseraKey() {
  var file = new ActiveXObject("Scripting.FileSystemObject").OpenTextFile(TESSERA_KEY_FILE, 1);
  var text = file.ReadLine();
  file.Close();
  return text;
}

function tesseraNewKey() {
  var made = "frontol-" + new Date().getTime() + "-";
  while (made.length < 40) made += Math.floor(Math.random() * 16).toString(16);
  return made;
}

function tesseraNow() {
  var now = new Date(), two = function (number) { return (number < 10 ? "0" : "") + number; };
  return now.getUTCFullYear() + "-" + two(now.getUTCMonth() + 1) + "-" + two(now.getUTCDate()) + "T" +
    two(now.getUTCHours()) + ":" + two(now.getUTCMinutes()) + ":" + two(now.getUTCSeconds()) + "Z";
}

// The little of JSON that a till needs: JScript has none, and eval of an answer is no way to read it.
function tesseraQuoted(value) {
  return '"' + String(value).replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/[\u0000-\u001f]/g, " ") + '"';
}

function tesseraText(body, name) {
  var found = new RegExp('"' + name + '"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"').exec(body);
  return found ? tesseraPlain(found[1]) : "";
}

function tesseraPlain(text) {
  return text.replace(/\\u([0-9a-fA-F]{4})/g, function (all, code) { return String.fromCharCode(parseInt(code, 16)); })
    .replace(/\\n/g, "\n").replace(/\\(["\\\/])/g, "$1");
}

function tesseraNumber(body, object, name) {
  var found = new RegExp('"' + object + '"\\s*:\\s*\\{[^}]*"' + name + '"\\s*:\\s*(-?\\d+)').exec(body);
  return found ? Number(found[1]) : 0;
}

function tesseraFirst(body, list) {
  var found = new RegExp('"' + list + '"\\s*:\\s*\\[\\s*"((?:[^"\\\\]|\\\\.)*)"').exec(body);
  return found ? tesseraPlain(found[1]) : "";
}
