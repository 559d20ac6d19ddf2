import { findChromium } from "@penstock/testing/chromium";
import { waitUntil } from "@penstock/testing/wait-until";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { expectAccessible, expectFits, launchChromium, screenshots, watch } from "./browser.ts";
import { type System, startSystem } from "./dashboard/system.ts";

const letters = 5;
const earthquakes = "/streams/usgs/earthquakes";
const external = "/streams/external_api/data";

/** One system and one browser for all: the tests are the steps of one visit. */
describe.runIf(findChromium() !== undefined)("the dashboard in Chromium", () => {
  const stack = new AsyncDisposableStack();
  let system: System;
  let browser: Browser;
  let page: Page;
  let seen: ReturnType<typeof watch>;

  beforeAll(async () => {
    system = stack.use(await startSystem());
    browser = stack.adopt(await launchChromium(), (opened) => opened.close());
    page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
    page.setDefaultTimeout(10_000);
    seen = watch(page, system.url);
    process.stdout.write(`screenshots of the dashboard: ${screenshots}\n`);
  });
  afterAll(() => stack.disposeAsync());

  const go = async (path: string) => void (await page.goto(system.url + path));
  const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });
  const heading = (name: string | RegExp) => page.getByRole("heading", { level: 1, name });
  const dialog = () => page.getByRole("dialog");
  const see = async (text: string | RegExp) => await page.getByText(text).first().waitFor();
  const signIn = async (key: string) => {
    await page.getByLabel("API key").fill(key);
    await button("Sign in").click();
  };
  /** Of a request that is meant to be refused, the browser tells as well. */
  const forgetRefusals = () => {
    seen.problems = seen.problems.filter((text) => !/status of 401/.test(text));
  };

  /** Until the end of the test. */
  const slowDown = (ms: number) => {
    system.slowDown(ms);
    onTestFinished(() => system.slowDown(0));
  };
  /** A run that the schedule starts in between would be the one that is under way. */
  const untilNoTickIsNear = () =>
    waitUntil(
      async () => {
        const response = await page.request.get(`${system.url}/v1${external}`);
        const { nextRunAt, health }: { nextRunAt: string; health: string } = await response.json();
        return Date.parse(nextRunAt) - Date.now() > 15_000 && health === "ok";
      },
      { what: "a while without a scheduled run", intervalMs: 500, timeoutMs: 60_000 },
    );

  test("a key that does not hold is refused, and why", async () => {
    await go(external);
    await heading("Sign in").waitFor();
    await expectAccessible(page, "login");
    for (const key of ["nonsense", system.keys.expired]) {
      await signIn(key);
      expect(await page.getByRole("alert").textContent()).toContain("CALLER_UNKNOWN");
    }
    forgetRefusals();
  });

  test("with one that holds, the page that was asked for is there", async () => {
    await signIn(system.keys.admin);
    await heading("external_api.data").waitFor();
    await see("Live");
  });

  test("the overview says whether it works, and follows what happens", async () => {
    await go("/");
    await heading("Everything is working").waitFor();
    await see(`${letters} open`);
    const rows = page.getByRole("list", { name: "Streams" }).getByRole("listitem");
    // Each is one row, or this throws. While a tick's run is under way, its stream is not OK yet.
    await rows.filter({ hasText: /usgs.earthquakes.*OK/ }).waitFor();
    await rows.filter({ hasText: /external_api.data.*OK/ }).waitFor();
    await page.getByRole("img", { name: /1,707 records written/ }).waitFor();
    await expectAccessible(page, "overview");
  });

  test("a stream is paused with a reason, and resumed", async () => {
    await go(external);
    await button("Pause…").click();
    await page.getByLabel("Reason").fill("maintenance");
    await button("Pause").click();
    await button("Resume…").waitFor();
    await page.getByRole("heading", { level: 1 }).getByText("Paused").waitFor();
    await button("Resume…").click();
    await expectAccessible(page, "dialog");
    await button("Resume").click();
    await button("Pause…").waitFor();
  });

  test("a run that is started is followed to its end", async () => {
    await go(external);
    await button("Run now").click();
    await see(/Started:|Under way already:/);
    await page.getByRole("link", { name: "its run" }).click();
    await heading(/Run of external_api.data.*succeeded/).waitFor({ timeout: 30_000 });
  });

  test("a full run begins anew, and one that is under way is cancelled with a reason", async () => {
    await untilNoTickIsNear();
    slowDown(20_000);
    await go(external);
    await button("Full run").click();
    await page.getByRole("link", { name: "its run" }).click();
    await see(/^full, live/);
    await button("Cancel…").click();
    await page.getByLabel("Reason").fill("not today");
    await expectAccessible(page, "cancel");
    await dialog().getByRole("button", { name: "Cancel the run" }).click();
    await heading(/Run of external_api.data.*cancelled/).waitFor();
  });

  test("what is committed appears in the live tail as it is, until it is held", async () => {
    await go(`${external}?tab=live-tail`);
    await see("Waiting for the next change.");
    await expectAccessible(page, "live-tail");
    // Nothing tells when the page has asked where the changes stand now.
    await page.waitForResponse(/\/v1\/changes/);
    system.api.add([{ id: "appeared", ts: "2026-02-01T00:00:00.000Z", value: 4.2 }]);
    await button("Run now").click();
    const tail = page.getByRole("list", { name: "Changes, newest first" });
    await tail.getByText("added").waitFor();
    await tail.getByText("appeared", { exact: true }).waitFor();
    await button("Hold").click();
    await button("Go on").waitFor();
  });

  test("where events do not come through, the page asks", async () => {
    await using context = await browser.newContext({ storageState: await page.context().storageState() });
    const tab = await context.newPage();
    await tab.route("**/v1/events", (route) => route.abort());
    await tab.goto(system.url + external);
    await tab.getByText("Every 5 s").waitFor();
    await system.command("pause", "external_api.data", "--reason", "from outside");
    await tab.getByRole("heading", { level: 1 }).getByText("Paused").waitFor({ timeout: 15_000 });
    await system.command("resume", "external_api.data");
    await tab.getByRole("button", { name: "Pause…" }).waitFor({ timeout: 15_000 });
  });

  test("runs, charts, checkpoints and schema of a stream", async () => {
    await go(earthquakes);
    await page.getByRole("img", { name: /records written over time/ }).waitFor();
    await page
      .getByRole("row", { name: /succeeded/ })
      .first()
      .waitFor();
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme });
      await waitUntil(async () => (await tallestBar(page)) > 50, {
        what: `the present hour's bar when it is ${colorScheme}`,
      });
    }
    await page.getByRole("radio", { name: "7 days" }).check();
    await expectAccessible(page, "stream");
    await page.getByRole("link", { name: "Checkpoints" }).click();
    await page.getByRole("cell", { name: "live", exact: true }).waitFor();
    await expectAccessible(page, "checkpoints");
    await page.getByRole("link", { name: "Schema" }).click();
    await see("usgs_earthquakes");
    await page.getByRole("cell", { name: "magnitude", exact: true }).waitFor();
    await expectAccessible(page, "schema");
  });

  test("records are filtered, gone through page by page, and looked at", async () => {
    await go(`${earthquakes}?tab=records`);
    const rows = page.getByRole("table").getByRole("row");
    await button("Next →").click();
    await see("Page 2");
    await button("← Previous").click();
    await see("Page 1");
    await page.getByLabel("Field").fill("magnitude");
    await page.getByLabel("Compared").selectOption("gte");
    await page.getByLabel("Value").fill("6");
    await button("Show").click();
    await waitUntil(async () => (await rows.count()) === 1 + 5, { what: "the five strongest" });
    await expectAccessible(page, "records");
    await page.getByRole("table").getByRole("button").first().click();
    await page.getByRole("dialog").getByText("first-seen").waitFor();
    await expectAccessible(page, "record");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("a run page by page, with its account", async () => {
    await go(earthquakes);
    await page
      .getByRole("row", { name: /succeeded/ })
      .last()
      .getByRole("link")
      .click();
    await heading(/Run of usgs.earthquakes/).waitFor();
    const account = page.getByRole("region", { name: "What became of the records" });
    await account.getByText("1,716").waitFor();
    await account.getByText("1,707").waitFor();
    await waitUntil(async () => (await page.locator(".timeline-bar").count()) >= 4, { what: "pages on the timeline" });
    await expectAccessible(page, "run");
  });

  test("dead letters by cause, with the payload beside the reason and the place marked", async () => {
    await go("/dead-letters");
    const group = page.getByRole("listitem").filter({ hasText: "properties.mag" });
    await group.getByRole("link").click();
    await see("Only of");
    await expectAccessible(page, "dead-letters");
    await page.getByRole("link", { name: "demo-broken-1" }).click();
    const marked = page.getByRole("region", { name: "Payload" }).locator("mark");
    expect(await marked.textContent()).toContain('"mag": "strong"');
    await expectAccessible(page, "dead-letter");
  });

  test("letters are put back and discarded, after a look at which", async () => {
    await go("/dead-letters?source=usgs");
    await page.getByLabel("Mark demo-broken-1").check();
    await button("Redrive 1 marked…").click();
    await page.getByRole("dialog").getByText("demo-broken-1").waitFor();
    await expectAccessible(page, "redrive");
    await button("Redrive 1 letter").click();
    await see("1 letter put back.");
    // What is wrong with it still is: it comes back as the same letter.
    await waitUntil(async () => (await page.getByRole("checkbox", { name: /^Mark (?!all)/ }).count()) === letters, {
      what: "all letters to be open again",
    });
    await button("Discard all…").click();
    await page.getByLabel("Reason").fill("broken on purpose");
    await button(`Discard ${letters} letters`).click();
    await see(`${letters} letters discarded.`);
    await see("There are no open dead letters.");
  });

  test("a span of time is fetched again, and its windows are followed to the end", async () => {
    await go("/backfills");
    await button("New backfill…").click();
    await page.getByLabel("Stream").selectOption("external_api.data");
    await page.getByLabel("From").fill("2026-01-01T00:00");
    await page.getByLabel("Until").fill("2026-01-01T00:02");
    await page.locator("input[name=partition]").fill("1m");
    await page.getByLabel("Reason").fill("to see it");
    await expectAccessible(page, "backfill");
    await button("Start").click();
    await see(/2 of 2 windows · 3\d\d records/);
    await see("Succeeded");
    await expectAccessible(page, "backfills");
    await system.command("backfills", "list");
  });

  test("a backfill is cancelled", async () => {
    slowDown(20_000);
    await go("/backfills?source=external_api&stream=data");
    await page.getByLabel("From").fill("2026-01-01T00:00");
    await page.getByLabel("Until").fill("2026-01-02T00:00");
    await button("Start").click();
    const card = page.getByRole("listitem").filter({ hasText: "Running" });
    await card.getByRole("button", { name: "Cancel…" }).click();
    await dialog().getByRole("button", { name: "Cancel the backfill" }).click();
    await see("Cancelled");
  });

  test("deletions that are too many wait for a decision: kept, and when they are still gone, deleted", async () => {
    const isAskedBy = async (run: string) => {
      const response = await page.request.get(`${system.url}/v1/deletions`);
      const { items }: { items: { id: string }[] } = await response.json();
      return items.some(({ id }) => id === run);
    };
    // What a run missed is settled behind it, in place of what the run before found; and a run that begins before that does not count.
    const runUntilAsked = () =>
      waitUntil(
        async () => {
          const run = await system.runToEnd("shop", "items");
          const asked = waitUntil(() => isAskedBy(run), { what: "its question", intervalMs: 100, timeoutMs: 3_000 });
          return await asked.catch(() => false);
        },
        { what: "a deletion that waits", intervalMs: 500, timeoutMs: 60_000 },
      );
    const asked = page.getByText("Deletions that wait for a decision");
    await system.runToEnd("shop", "items");
    system.shop.ids = system.shop.ids.slice(0, 8);
    await runUntilAsked();
    await go("/backfills");
    await see(/found 12 records gone \(60\s?% of the stream\)/);
    await expectAccessible(page, "deletions");
    await button("Keep them…").click();
    await button("Keep them").click();
    await asked.waitFor({ state: "detached" });
    await runUntilAsked();
    await button("Delete them…").click();
    await page.getByLabel("Reason").fill("sold out");
    await button("Delete them").click();
    await asked.waitFor({ state: "detached" });
    const seeRows = (count: number, what: string) =>
      waitUntil(
        async () => {
          await button("Show").click();
          return (await page.getByRole("table").getByRole("row").count()) === 1 + count;
        },
        { what, intervalMs: 500 },
      );
    await go("/streams/shop/items?tab=records");
    await seeRows(8, "the rest");
    await page.getByLabel("Deleted ones").check();
    await seeRows(12, "what is gone");
  });

  test("queues, Bull Board behind the same login and back, the audit log", async () => {
    await go("/depths");
    await page.getByRole("link", { name: "fetch.usgs" }).waitFor();
    await see("asked as usual");
    await expectAccessible(page, "queues");
    await page.getByRole("link", { name: "Open Bull Board" }).click();
    await page.getByText("dead-letter").first().waitFor();
    await go("/audit");
    await page.getByRole("cell", { name: "maintenance" }).waitFor();
    await page.getByRole("cell", { name: /^mode full, run / }).waitFor();
    await see("letters.discard");
    await page.getByRole("cell", { name: "broken on purpose" }).waitFor();
    await expectAccessible(page, "audit");
  });

  test("every page fits a phone", async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    const run = await newestRun(page, system.url);
    const tabs = ["activity", "records", "checkpoints", "schema"].map((tab) => `${earthquakes}?tab=${tab}`);
    for (const path of ["/", ...tabs, `/runs/${run}`, "/dead-letters?status=any", "/backfills", "/depths", "/audit"]) {
      await go(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("load");
      await expectFits(page, path.replace(run, "run").replaceAll(/\W+/g, "-").replace(/^-/, "") || "overview");
    }
    await page.setViewportSize({ width: 1360, height: 900 });
  });

  test("with the keyboard alone: to the content, to a stream, to its actions; and the colours change", async () => {
    await go("/");
    await heading(/working/).waitFor();
    await page.keyboard.press("Tab");
    await page.getByRole("link", { name: "Skip to the content" }).waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await button("Run now").waitFor();
    await button(/^Colours: as the system/).focus();
    await page.keyboard.press("Enter");
    await button(/^Colours: light/).waitFor();
    await page.keyboard.press("Enter");
    await button(/^Colours: dark/).waitFor();
    expect(await page.evaluate("getComputedStyle(document.documentElement).colorScheme")).toBe("dark");
  });

  test("when the key is revoked the page says so, and goes on where it was with another, which may only read", async () => {
    await go(external);
    await button("Run now").waitFor();
    await system.command("keys", "revoke", system.keys.adminId);
    await button("Run now").click();
    await heading("Sign in").waitFor();
    await see("Your session has ended");
    await signIn(system.keys.reader);
    await heading("external_api.data").waitFor();
    expect(await button("Run now").count()).toBe(0);
    await go("/queues");
    await page.getByText("dead-letter").first().waitFor();
    expect(await page.getByRole("link", { name: "Audit" }).count()).toBe(0);
    await go("/");
    await button("Sign out").click();
    await heading("Sign in").waitFor();
    forgetRefusals();
  });

  test("nothing was asked of another host, and the console is empty", () => {
    expect(seen).toEqual({ problems: [], strangers: [] });
  });
});

/** Pixels of the accent colour, as it is now, above each other in the first chart. */
async function tallestBar(page: Page): Promise<number> {
  return await page.evaluate<number>(`(() => {
    const canvas = document.querySelector(".plot canvas");
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = "var(--accent)";
    const accent = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
    probe.remove();
    const { width, height } = canvas;
    // A copy, which is made to be read.
    const copy = Object.assign(document.createElement("canvas"), { width, height });
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const isAccent = (x, y) => accent.every((part, i) => Math.abs(data[(y * width + x) * 4 + i] - part) < 3);
    const columns = Array.from({ length: width }, (_, x) => x);
    return Math.max(...columns.map((x) => Array.from({ length: height }, (_, y) => y).filter((y) => isAccent(x, y)).length));
  })()`);
}

async function newestRun(page: Page, url: string): Promise<string> {
  const response = await page.request.get(`${url}/v1/runs?source=usgs&limit=1`);
  const { items }: { items: { id: string }[] } = await response.json();
  return items[0]?.id ?? "";
}
