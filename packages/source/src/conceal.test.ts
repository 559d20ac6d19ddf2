import { expect, test } from "vitest";
import { concealNamed } from "./conceal.ts";

test.each([
  ['{"access_token": "a.b\\"c", "expires": 5}', '{"access_token": [concealed], "expires": 5}'],
  ["error=no&api_key=abc&page=2", "error=no&api_key=[concealed]&page=2"],
  ["client-secret: abc, try again", "client-secret: [concealed], try again"],
  ['{"sessionId":"cut off', '{"sessionId":[concealed]'],
  ["Authorization: Bearer abc.def, denied", "Authorization: [concealed], denied"],
  ['{"said":"{\\"access_token\\":\\"abc\\",\\"id\\":1}"}', '{"said":"{\\"access_token\\":[concealed],\\"id\\":1}"}'],
  ["{'refresh_token': 'abc', 'id': 1}", "{'refresh_token': [concealed], 'id': 1}"],
  ["<client_secret>abc</client_secret>", "<client_secret>[concealed]</client_secret>"],
  ['<input name="csrf_token" value="abc">', '<input name="csrf_token" value=[concealed]>'],
  ["/file?X-Amz-Signature=abc&sig=def&v=1", "/file?X-Amz-Signature=[concealed]&sig=[concealed]&v=1"],
  ["see https://me:abc@api.test/x", "see https://[concealed]@api.test/x"],
  ['{"author": "me", "design": "new", "signed": true}', '{"author": "me", "design": "new", "signed": true}'],
  ["the token is not valid any more", "the token is not valid any more"],
  ['{"next_page": "abc"}', '{"next_page": "abc"}'],
])("what stands behind the name of a secret is taken out: %s", (text, concealed) => {
  expect(concealNamed(text)).toBe(concealed);
});
