// A TCP proxy in front of the server that a test can cut and mend: the page's socket goes, its
// media (UDP, straight to the node) stays, as when a phone's browser loses its connection.

import { connect, createServer } from "node:net";

/** Spreads connections over `ports` on this machine: each goes to the first that takes it. */
export async function balancer(ports) {
  const open = new Set();
  const listener = createServer((near) => {
    open.add(near);
    near.on("close", () => open.delete(near));
    near.on("error", () => near.destroy());
    const dial = ([port, ...others]) => {
      if (port === undefined) return near.destroy();
      const far = connect(port, "127.0.0.1");
      // Refused: the next one.
      const refused = () => dial(others);
      far.once("error", refused);
      far.once("connect", () => {
        far.off("error", refused);
        far.on("error", () => near.destroy());
        near.on("close", () => far.destroy());
        far.on("close", () => near.destroy());
        near.pipe(far).pipe(near);
      });
    };
    dial(ports);
  });
  await new Promise((done) => listener.listen(0, "127.0.0.1", done));
  return {
    port: listener.address().port,
    close() {
      open.forEach((socket) => socket.destroy());
      return new Promise((done) => listener.close(done));
    },
  };
}

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
