// Reads a pass with makers that are not ours: node readers.cjs FOLDER CERTIFICATES, NODE_PATH names the folder with the packages.
// FOLDER holds the pass's unpacked files. Prints one JSON object: what each reader understood, or what it refused.
const fs = require("fs");
const path = require("path");

const [folder, certificates] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(certificates, name));
process.env.APPLE_WWDR_CERT_PEM = read("wwdr.pem").toString();

const files = {};
(function walk(place, prefix) {
  for (const entry of fs.readdirSync(place, { withFileTypes: true })) {
    if (entry.isDirectory()) walk(path.join(place, entry.name), `${prefix}${entry.name}/`);
    else if (entry.name !== "manifest.json" && entry.name !== "signature") files[prefix + entry.name] = fs.readFileSync(path.join(place, entry.name));
  }
})(folder, "");

function passkitGenerator() {
  // Its Joi schemas drop or refuse what they do not know, so what comes back is what it took for a pass.
  const { PKPass } = require("passkit-generator");
  const warnings = [];
  console.warn = (...words) => warnings.push(words.join(" "));
  const made = new PKPass(files, { wwdr: read("wwdr.pem"), signerCert: read("pass.pem"), signerKey: read("pass.key") });
  const size = made.getAsBuffer().length;
  return { type: made.type, languages: made.languages.sort(), props: made.props, primary: made.primaryFields.length, size, warnings };
}

async function passJs() {
  const { Template } = require("@walletpass/pass-js");
  const whole = JSON.parse(files["pass.json"]);
  const template = new Template("storeCard", whole);
  template.setCertificate(read("pass.pem").toString());
  template.setPrivateKey(read("pass.key").toString());
  for (const density of ["", "@2x", "@3x"]) await template.images.add("icon", files[`icon${density}.png`], density.slice(1) || undefined);
  await template.images.add("logo", files["logo.png"]);
  const pass = template.createPass(whole);
  pass.validate();
  return { serial: pass.serialNumber, barcodes: pass.barcodes };
}

(async () => {
  const told = {};
  for (const [name, act] of Object.entries({ "passkit-generator": passkitGenerator, "pass-js": passJs })) {
    try {
      told[name] = await act();
    } catch (problem) {
      told[name] = { refused: String(problem && problem.message) };
    }
  }
  process.stdout.write(JSON.stringify(told));
})();
