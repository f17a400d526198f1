// The openai SDK's Responses API for Node, at a provider that has it and at others through chat.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: process.env.TALLYGATE_BASE_URL,
  apiKey: process.env.TALLYGATE_KEY,
});
const tools = [{
  type: 'function',
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
  strict: true,
}];

for (const model of ['primary-agent-model', 'open', 'claude']) {
  const plain = await client.responses.create({ model, input: 'Hello' });
  assert.equal(plain.model, model);
  assert.equal(plain.status, 'completed');
  assert.match(plain.output_text, /Hello/);

  let text = '', next = 0;
  for await (const event of await client.responses.create({ model, input: 'Hello', stream: true })) {
    assert.equal(event.sequence_number, next++);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(text, plain.output_text);

  const stream = client.responses.stream({ model, input: 'What is the weather like in Paris?', tools });
  const final = await stream.finalResponse();
  const call = final.output.find((item) => item.type === 'function_call');
  assert.deepEqual(JSON.parse(call.arguments), { city: 'Paris' });
}

await assert.rejects(
  client.responses.create({ model: 'no-such-model', input: 'x' }),
  (e) => e instanceof OpenAI.BadRequestError && /no-such-model/.test(e.message),
);
console.log('openai responses (node): ok');
