// The openai SDK for Node: only baseURL and the key differ from a direct call.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const model = 'primary-agent-model';
const client = new OpenAI({
  baseURL: process.env.TALLYGATE_BASE_URL,
  apiKey: process.env.TALLYGATE_KEY,
});
const user = (content) => [{ role: 'user', content }];
const tools = [{
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}];

const plain = await client.chat.completions.create({ model, messages: user('Hello') });
assert.equal(plain.model, model);
assert.ok(plain.choices[0].message.content);

let text = '';
for await (const chunk of await client.chat.completions.create({ model, messages: user('Hello'), stream: true })) {
  text += chunk.choices[0].delta.content ?? '';
}
assert.equal(text, plain.choices[0].message.content);

const called = await client.chat.completions.create({
  model, messages: user('What is the weather like in Paris?'), tools,
});
assert.deepEqual(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments), { city: 'Paris' });

const runner = client.chat.completions.stream({
  model, messages: user('What is the weather like in Paris?'), tools,
});
const final = await runner.finalChatCompletion();
assert.equal(final.choices[0].message.tool_calls[0].function.name, 'get_weather');

const vectors = await client.embeddings.create({ model: 'embedder', input: 'one' });
assert.ok(vectors.data[0].embedding.length > 1);
assert.ok(vectors.data[0].embedding.every(Number.isFinite));

await assert.rejects(
  client.chat.completions.create({ model: 'no-such-model', messages: user('x') }),
  (e) => e instanceof OpenAI.BadRequestError && /no-such-model/.test(e.message),
);
console.log('openai (node): ok');
