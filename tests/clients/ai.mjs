// The Vercel AI SDK against the gateway: its checks of every chunk are strict.
import assert from "node:assert/strict";
import { embed, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { z } from "zod";

const settings = { baseURL: process.env.TALLYGATE_BASE_URL, apiKey: process.env.TALLYGATE_KEY };
const openai = createOpenAI(settings);
const compatible = createOpenAICompatible({ name: "tallygate", ...settings, includeUsage: true });
const weather = tool({
  description: "The weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `18 degrees and light rain in ${city}`,
});

for (const [kind, make] of [["openai", (m) => openai.chat(m)], ["compatible", (m) => compatible(m)]]) {
  for (const name of ["primary-agent-model", "claude", "mistral", "azure-gpt"]) {
    const model = make(name);
    const plain = await generateText({ model, prompt: "Hello", maxRetries: 0 });
    assert.ok(plain.text.length > 0, `${kind} ${name}`);
    assert.equal(plain.finishReason, "stop");
    assert.ok(plain.usage.inputTokens > 0);

    const stream = streamText({ model, prompt: "Hello", maxRetries: 0, onError: ({ error }) => { throw error; } });
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.equal(text, plain.text);
    assert.ok((await stream.usage).outputTokens > 0);

    const steps = streamText({
      model, prompt: "What is the weather in Paris?", tools: { get_weather: weather },
      stopWhen: stepCountIs(3), maxRetries: 0, onError: ({ error }) => { throw error; },
    });
    let answer = "";
    for await (const piece of steps.textStream) answer += piece;
    assert.match(answer, /Paris/);
  }
}
const object = await generateObject({
  model: openai.chat("primary-agent-model"), prompt: "Describe Paris.", maxRetries: 0,
  schema: z.object({ name: z.string(), size: z.number() }),
});
assert.equal(typeof object.object.size, "number");
const vector = await embed({ model: openai.embedding("embedder"), value: "a" });
assert.ok(vector.embedding.every((n) => typeof n === "number"));
console.log("ai.mjs: passed");
