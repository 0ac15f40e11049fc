// What an encoder may use while packets wait in its own browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pageModule } from "../lib/page-module.mjs";

/** A browser's counters, as its sender of video reports them. */
class Sender {
  #sent = { type: "outbound-rtp", timestamp: 1_000, packetsSent: 0, bytesSent: 0, totalPacketSendDelay: 0 };

  constructor(available = 2_000_000) {
    this.pair = { type: "candidate-pair", nominated: true, availableOutgoingBitrate: available };
  }

  /** For so many ms packets of 1,000 bytes leave, so many bit/s, each after a wait of so many ms. */
  sends(ms, bitrate, waited) {
    const packets = (bitrate * ms) / 8_000_000;
    const sent = this.#sent;
    sent.timestamp += ms;
    sent.packetsSent += packets;
    sent.bytesSent += 1_000 * packets;
    sent.totalPacketSendDelay += (packets * waited) / 1_000;
    return this;
  }

  report({ silent = false } = {}) {
    const { totalPacketSendDelay, ...rest } = this.#sent;
    const sent = silent ? rest : { totalPacketSendDelay, ...rest };
    return new Map([["sent", sent], ["other", { type: "candidate-pair", nominated: false, availableOutgoingBitrate: 1 }], ["pair", this.pair]]);
  }
}

test("while packets wait the encoder gets less than leaves, until they do not", async () => {
  const { Waiting } = await pageModule("shared/waiting.js");
  const [waiting, sender] = [new Waiting(), new Sender()];
  const look = (...sent) => {
    waiting.look(sender.sends(...sent).report());
    return waiting.limit;
  };
  assert.equal(look(150, 1_000_000, 50), Infinity, "a picture waits for its own beginning");
  assert.equal(look(300, 500_000, 200), 300_000);
  assert.equal(look(300, 400_000, 100), 240_000, "less leaves");
  assert.equal(look(300, 400_000, 40), 240_000, "not gone yet");
  assert.equal(look(300, 300_000, 10), Infinity);
  assert.equal(look(300, 300_000, 40), Infinity, "that is not worth a smaller picture");
  assert.equal(look(300, 80_000, 900), 100_000, "less is no picture");
  waiting.look(sender.report());
  assert.equal(waiting.limit, 100_000, "nothing has left since");
  waiting.rest();
  assert.equal(waiting.limit, Infinity);
  assert.equal(look(60_000, 10_000, 200), Infinity, "most of that time nothing was sent");
  assert.equal(look(300, 500_000, 200), 300_000);
});

test("a browser that does not say how long packets wait is left alone", async () => {
  const { Waiting } = await pageModule("shared/waiting.js");
  const [waiting, sender] = [new Waiting(), new Sender()];
  for (let i = 0; i < 3; i += 1) waiting.look(sender.sends(300, 500_000, 400).report({ silent: true }));
  assert.equal(waiting.limit, Infinity);
  assert.equal(waiting.takes, Infinity);
});

test("what a narrow network takes is what the browser is told, less sound", async () => {
  const { Waiting } = await pageModule("shared/waiting.js");
  const waiting = new Waiting();
  const takes = (available) => {
    waiting.look(new Sender(available).report());
    return waiting.takes;
  };
  assert.equal(takes(450_000), 370_000);
  assert.equal(takes(100_000), 100_000);
  assert.equal(takes(900_000), 820_000);
  assert.equal(takes(1_500_000), Infinity, "what calls begin with says nothing");
  assert.equal(takes(undefined), Infinity);
  takes(450_000);
  waiting.forget();
  assert.equal(waiting.takes, Infinity);
  assert.equal(takes(450_000), 370_000, "until the next look");
});
