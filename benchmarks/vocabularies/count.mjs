// Reads a JSON list of texts, prints how many tokens each has by the vocabulary that is named.
import { readFileSync } from "node:fs";

const [name] = process.argv.slice(2);
const texts = JSON.parse(readFileSync(0, "utf8"));

async function counter() {
  if (name === "claude-2") {
    const { getTokenizer } = await import("@anthropic-ai/tokenizer");
    const tokenizer = getTokenizer();
    return (text) => tokenizer.encode(text.normalize("NFKC"), []).length;
  }
  const { fromPreTrained } = await import(`@lenml/tokenizer-${name}`);
  const tokenizer = fromPreTrained();
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).length;
}

console.log(JSON.stringify(texts.map(await counter())));
