import { expect, test } from "vitest";
import { concealNamed } from "./conceal.ts";

test.each([
  ['{"access_token": "a.b\\"c", "expires": 5}', '{"access_token": [concealed], "expires": 5}'],
  ["error=no&api_key=abc&page=2", "error=no&api_key=[concealed]&page=2"],
  ["client-secret: abc, try again", "client-secret: [concealed], try again"],
  ['{"sessionId":"cut off', '{"sessionId":[concealed]'],
  ["the token is not valid any more", "the token is not valid any more"],
  ['{"next_page": "abc"}', '{"next_page": "abc"}'],
])("what stands behind the name of a secret is taken out: %s", (text, concealed) => {
  expect(concealNamed(text)).toBe(concealed);
});
