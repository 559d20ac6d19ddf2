import { routes } from "@penstock/api-contract/routes";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { expect, test } from "vitest";
import { describeApi } from "./openapi.ts";
import openApiSchema from "./openapi-3.1.schema.json" with { type: "json" };

const description = describeApi("1.2.3");

test("the description is OpenAPI 3.1 by the schema of its authors", () => {
  const ajv = formats.default(new Ajv2020({ strict: false, allErrors: true }));
  ajv.addFormat("media-range", true);
  const validate = ajv.compile(openApiSchema);
  validate(description);
  expect(validate.errors ?? []).toEqual([]);
  expect(validate({ ...description, paths: { nowhere: { get: {} } } })).toBe(false);
});

test("every schema in it is JSON Schema, and every reference leads somewhere", () => {
  const ajv = formats.default(new Ajv2020({ strict: false }));
  const { schemas = {} } = description.components;
  const [names, used] = [Object.keys(schemas as object), JSON.stringify(description).matchAll(/schemas\/(\w+)"/g)];
  expect([...used].map(([, name]) => name).filter((name) => !names.includes(name ?? ""))).toEqual([]);
  for (const schema of Object.values(schemas as { [name: string]: object }))
    expect(ajv.validateSchema(schema)).toBe(true);
});

test("it has every route and no other", () => {
  const described = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.toSorted()).toEqual(
    Object.values(routes)
      .map(({ method, path }) => `${method} ${path}`)
      .toSorted(),
  );
});
