// @anthropic-ai/sdk against the gateway: Anthropic's models and everybody else's.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  baseURL: process.env.TALLYGATE_ROOT_URL,
  apiKey: process.env.TALLYGATE_KEY,
  maxRetries: 0,
});
const tools = [{
  name: "get_weather",
  description: "The weather in a city.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
}];

for (const model of ["claude", "primary-agent-model", "mistral"]) {
  const base = { model, max_tokens: 300 };
  const hello = [{ role: "user", content: "Hello" }];
  const plain = await client.messages.create({ ...base, messages: hello });
  assert.equal(plain.type, "message");
  assert.equal(plain.model, model);
  assert.equal(plain.stop_reason, "end_turn");
  assert.ok(plain.usage.input_tokens > 0);

  const final = await client.messages.stream({ ...base, messages: hello }).finalMessage();
  assert.deepEqual(final.content.map((b) => b.text), plain.content.map((b) => b.text));
  assert.ok(final.usage.output_tokens > 0);

  const messages = [{ role: "user", content: "What is the weather in Paris?" }];
  const asked = await client.messages.stream({ ...base, messages, tools }).finalMessage();
  assert.equal(asked.stop_reason, "tool_use");
  const use = asked.content.find((b) => b.type === "tool_use");
  assert.deepEqual(use.input, { city: "Paris" });
  messages.push({ role: "assistant", content: asked.content });
  messages.push({ role: "user", content: [
    { type: "tool_result", tool_use_id: use.id, content: "18 degrees in Paris" },
    { type: "text", text: "Answer in one sentence." },
  ] });
  const answer = await client.messages.create({ ...base, messages, tools });
  assert.ok(answer.content.some((b) => b.type === "text" && b.text.length > 0));

  const count = await client.messages.countTokens({ model, messages: hello });
  assert.ok(count.input_tokens > 0);
}
await assert.rejects(client.messages.create({ model: "nobody", max_tokens: 5, messages: [{ role: "user", content: "x" }] }),
  (e) => e instanceof Anthropic.BadRequestError && e.error.type === "error");
console.log("anthropic.mjs: passed");
