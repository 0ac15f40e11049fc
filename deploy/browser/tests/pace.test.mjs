// What an encoder reckons with where a camera follows single pictures.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pageModule } from "../lib/page-module.mjs";

test("an encoder that has had few pictures is asked for less, until it has had as many as the camera makes", async (t) => {
  const { Pace } = await pageModule("shared/pace.js");
  let now = 100_000;
  t.mock.method(performance, "now", () => now);
  const camera = (frameRate) => ({ getSettings: () => ({ frameRate }) });
  const rung = (ms) => {
    const pace = new Pace();
    for (const end = now + ms; now < end; now += 125) pace.given();
    return pace;
  };
  const close = (pace, most, expected) =>
    assert.ok(Math.abs(pace.share(most) - expected) < 0.03, `${pace.share(most)} instead of ${expected}`);

  const pace = rung(10_000);
  assert.equal(pace.share(Infinity), 1, "single pictures are all that there is");
  pace.flows(camera(30));
  close(pace, Infinity, 8 / 30);
  close(pace, 15, 8 / 15);
  now += 1_500;
  close(pace, Infinity, (12 + 45) / 90);
  pace.flows(camera(30));
  now += 1_600;
  assert.equal(pace.share(Infinity), 1);

  const short = rung(1_000);
  short.flows(camera(undefined));
  now += 1_000;
  close(short, Infinity, (8 + 30) / 60);
  short.rests();
  assert.equal(short.share(Infinity), 1);

  // Answered at once: the one picture that was held.
  const alone = rung(1);
  now += 40;
  alone.flows(camera(30));
  now += 40;
  close(alone, Infinity, 2.2 / 6.15);
});
