// What a page allows its browser to try (`uplink.js`): pure arithmetic, no browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pageModule } from "../lib/page-module.mjs";

const { steps } = await pageModule("shared/uplink.js");

const WANTED = 2_500_000;

test("twice what is used is tried, and 0.8 Mbit/s at least", () => {
  assert.deepEqual(steps(600_000, WANTED), [1_199, 1_200]);
  assert.deepEqual(steps(100_000, WANTED), [799, 800]);
  assert.deepEqual(steps(2_000_000, WANTED), [2_999, 3_000], "no more than can be used");
});

test("no more is tried than the network carries", () => {
  assert.deepEqual(steps(600_000, WANTED, 900), [899, 900]);
  assert.deepEqual(steps(200_000, WANTED, 500), [499, 500]);
  assert.deepEqual(steps(600_000, WANTED, 5_000), [1_199, 1_200]);
});

test("what brings nothing is not tried", () => {
  assert.deepEqual(steps(2_400_000, WANTED), []);
  assert.deepEqual(steps(600_000, WANTED, 610), [], "hardly more than is used");
  assert.deepEqual(steps(0, WANTED), [], "nothing is known of the encoder");
});
