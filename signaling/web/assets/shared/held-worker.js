// @ts-check
/**
 * Stands between the encoder and the network: `held.js` says when pictures pass. What is held begins with a key frame,
 * and is all that a decoder needs.
 */

/** Key frames are asked for with every picture: more than a few behind one and nobody waits for them, frames. */
const MOST = 8;
/** A picture that came this long before the one that is held shows something else by now, ms. */
const BEFORE_MOST = 300;

/** @param {any} event */
const onTransform = ({ transformer }) => {
  const writer = transformer.writable.getWriter();
  const { port } = transformer.options;
  let passes = false;
  /** @type {any[]} */ let held = [];
  /**
   * The picture before it, which leaves first: neither needs the other, so a lost packet of one does not keep the other from
   * the screen. @type {any[]}
   */
  let before = [];
  /** When the picture that is held came, ms. */ let since = -Infinity;

  port.onmessage = (/** @type {MessageEvent<"pass" | "hold">} */ { data }) => {
    passes = data === "pass";
    // A stream that has ended takes nothing any more.
    if (passes) for (const frame of [...before, ...held]) writer.write(frame).catch(() => {});
    held = before = [];
  };

  const read = async () => {
    for await (const frame of transformer.readable) {
      if (passes) {
        writer.write(frame).catch(() => {});
        continue;
      }
      if (frame.type === "key") {
        const now = performance.now();
        before = held.length === 1 && now - since < BEFORE_MOST ? held : [];
        held = [];
        since = now;
      } else if (held.length === 0 || held.length === MOST) {
        held = before = [];
        continue;
      }
      held.push(frame);
      port.postMessage("held");
    }
  };
  void read();
};

addEventListener("rtctransform", onTransform);
postMessage("listens");
