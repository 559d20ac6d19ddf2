import { expect, test } from "vitest";
import type { Health } from "../client/models.ts";
import { inOrderOfUrgency, verdictOn } from "./verdict.ts";

const stream = (name: string, health: Health, openLetters = 0) => ({ source: "s", stream: name, health, openLetters });

test("all well", () => {
  expect(verdictOn([stream("a", "ok"), stream("b", "running", 3)])).toEqual({
    tone: "good",
    title: "Everything is working",
    detail: "2 on time · 1 running now · 3 open dead letters",
  });
});

test("failing is told before late", () => {
  const streams = [stream("a", "ok"), stream("b", "late"), stream("c", "failing"), stream("d", "paused")];
  expect(verdictOn(streams)).toEqual({
    tone: "bad",
    title: "1 of 4 streams is failing",
    detail: "1 late · 1 on time · 1 paused",
  });
  expect(inOrderOfUrgency(streams).map(({ stream: name }) => name)).toEqual(["c", "b", "d", "a"]);
});

test("late", () => {
  expect(verdictOn([stream("a", "late"), stream("b", "late")])).toMatchObject({
    tone: "warn",
    title: "2 of 2 streams are late",
  });
});

test("a standstill is not said to work", () => {
  const title = (...healths: Health[]) => verdictOn(healths.map((health, i) => stream(`s${i}`, health)));
  expect(title("paused", "paused")).toEqual({ tone: "still", title: "Everything is paused", detail: "2 paused" });
  expect(title("never-run")).toMatchObject({ tone: "still", title: "Nothing has run yet" });
  expect(title("never-run", "paused")).toMatchObject({ tone: "still", title: "Nothing is running" });
  expect(title("ok", "paused")).toMatchObject({ tone: "good", title: "Everything is working" });
});

test("nothing there", () => {
  expect(verdictOn([])).toMatchObject({ tone: "still", title: "There are no streams yet" });
});
