// Judges passes with two makers that are not ours: node judges.mjs PACKAGES FOLDER
// FOLDER/list.json: [{name, pkpass: file in FOLDER, card: the pass.json to judge}]. Prints {name: {"passkit-generator": [sentences], "pass-js": [sentences]}},
// each list empty where that judge is content. One process for all passes: loading the packages costs more than judging.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [packages, folder] = process.argv.slice(2);
const required = createRequire(path.join(path.resolve(packages), "judges.cjs"));
const schemas = await import(pathToFileURL(path.join(path.resolve(packages), "passkit-generator/lib/esm/schemas/index.js")));
const { Template } = required("@walletpass/pass-js");

const STYLES = ["storeCard", "coupon", "generic", "eventTicket", "boardingPass", "posterGeneric"];

// Its Joi schemas know every key of pass.json and of a field, and refuse others.
function passkitGenerator(card) {
  const props = Object.fromEntries(Object.entries(card).filter(([key]) => !STYLES.includes(key)));
  const found = [schemas.PassProps.validate(props, { abortEarly: false }).error];
  for (const style of STYLES.filter((each) => each in card)) found.push(schemas.PassFields.validate(card[style], { abortEarly: false }).error);
  return found.filter(Boolean).flatMap((error) => error.details.map((detail) => detail.message));
}

// It reads the finished file as a template and makes a pass of it: keys, colours, dates, barcodes, pictures with their sizes.
// Its own words for translated texts are UTF-16; ours, in UTF-8, it passes over.
async function passJs(file) {
  try {
    const template = await Template.fromBuffer(readFileSync(path.join(folder, file)));
    template.createPass().validate();
    return [];
  } catch (problem) {
    return [String((problem && problem.message) || problem)];
  }
}

const told = {};
for (const { name, pkpass, card } of JSON.parse(readFileSync(path.join(folder, "list.json"), "utf8"))) {
  told[name] = { "passkit-generator": passkitGenerator(card), "pass-js": await passJs(pkpass) };
}
process.stdout.write(JSON.stringify(told));
