// A TCP proxy in front of the server that a test can cut and mend: the page's socket goes, its
// media (UDP, straight to the node) stays, as when a phone's browser loses its connection.

import { connect, createServer } from "node:net";

/** Starts a proxy to `port` on this machine. */
export async function cuttable(port) {
  const pairs = new Set();
  let isCut = false;
  const listener = createServer((near) => {
    near.on("error", () => near.destroy());
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    const pair = [near, far];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    far.on("error", end);
    for (const socket of pair) socket.on("close", end);
    near.pipe(far).pipe(near);
  });
  await new Promise((done) => listener.listen(0, "127.0.0.1", done));
  const drop = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  return {
    port: listener.address().port,
    cut() {
      isCut = true;
      drop();
    },
    mend() {
      isCut = false;
    },
    /** Connections that are open now. */
    get open() {
      return pairs.size;
    },
    close() {
      drop();
      return new Promise((done) => listener.close(done));
    },
  };
}
