// Times one Node pass maker over our input: node passes_peers.cjs PEER FOLDER CERTIFICATES; prints passes per CPU second.
// FOLDER holds assets/ and pass.json; NODE_PATH names the folder with the packages.
const fs = require("fs");
const path = require("path");

const [peer, folder, certificates] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(certificates, name));
const certificate = read("pass.pem"), key = read("pass.key"), wwdr = read("wwdr.pem");
process.env.APPLE_WWDR_CERT_PEM = wwdr.toString(); // where pass-js takes its intermediate from

const files = {};
(function walk(place, prefix) {
  for (const entry of fs.readdirSync(place, { withFileTypes: true })) {
    if (entry.isDirectory()) walk(path.join(place, entry.name), `${prefix}${entry.name}/`);
    else files[prefix + entry.name] = fs.readFileSync(path.join(place, entry.name));
  }
})(path.join(folder, "assets"), "");
const template = fs.readFileSync(path.join(folder, "pass.json"), "utf8");

function card(number) {
  const whole = JSON.parse(template);
  whole.serialNumber = String(number).padStart(32, "0");
  whole.barcodes[0].message = `9${String(number).padStart(15, "0")}`;
  whole.storeCard.headerFields[0].value = 1000 + number;
  return whole;
}

const makers = {
  "passkit-generator": async () => {
    const { PKPass } = require("passkit-generator");
    const own = { wwdr, signerCert: certificate, signerKey: key };
    return async (number) => new PKPass({ ...files, "pass.json": Buffer.from(JSON.stringify(card(number))) }, own).getAsBuffer();
  },
  "pass-js": async () => {
    const { Template } = require("@walletpass/pass-js");
    const made = new Template("storeCard", card(0));
    for (const [name, body] of Object.entries(files)) {
      const image = made.images.parseFilename(name);
      if (image) await made.images.add(image.imageType, body, image.density, image.lang);
      else await made.localization.addFile(name.split(".")[0], path.join(folder, "assets", name));
    }
    made.setCertificate(certificate.toString());
    made.setPrivateKey(key.toString());
    return async (number) => made.createPass(card(number)).asBuffer();
  },
};

(async () => {
  const make = await makers[peer]();
  for (let number = 0; number < 10; number++) await make(number);
  const begun = process.cpuUsage(), count = 60;
  for (let number = 0; number < count; number++) await make(10 + number);
  const used = process.cpuUsage(begun);
  console.log(((count * 1e6) / (used.user + used.system)).toFixed(3));
})();
