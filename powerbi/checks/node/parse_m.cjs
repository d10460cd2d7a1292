// Reads {name: M text} from standard input; writes {name: message} of those that Microsoft's parser of M refuses.
const { DefaultSettings, TaskUtils } = require("@microsoft/powerquery-parser");

async function main() {
  const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const refused = {};
  for (const [name, text] of Object.entries(texts)) {
    const result = await TaskUtils.tryLexParse(DefaultSettings, text);
    if (result.resultKind !== "Ok") refused[name] = result.error ? result.error.message : "no reason given";
  }
  process.stdout.write(JSON.stringify(refused));
}

main();
