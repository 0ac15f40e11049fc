// A connection that was made in a frame, as after a change of network, ends with its frame.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";

test("whoever asks a connection for figures is told when it is closed", { timeout: 60_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const shopper = await Seat.open("shopper", server.shopperUrl);
  t.after(() => shopper.close());

  const answers = await shopper.page.evaluate(async () => {
    const [{ Connection }, { Place }] = await Promise.all(
      ["connection", "place"].map((name) => import(`/assets/shared/${name}.js`)),
    );
    const relays = { configuration: () => ({}) };
    const answers = [];
    for (let i = 0; i < 10; i += 1) {
      const frame = document.createElement("iframe");
      document.body.append(frame);
      const connection = new Connection({}, relays, new Place(frame));
      answers.push(typeof (await connection.stats())?.values);
      const asked = connection.stats();
      connection.close();
      const patience = new Promise((done) => setTimeout(() => done("nothing"), 1_000));
      answers.push(await Promise.race([asked, patience]), await Promise.race([connection.stats(), patience]));
    }
    return answers;
  });
  assert.deepEqual(answers, Array.from({ length: 10 }, () => ["function", null, null]).flat());
});
