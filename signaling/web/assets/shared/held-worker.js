// @ts-check
/**
 * Stands between the encoder and the network: `held.js` says when pictures pass. What is held begins with a key frame,
 * and is all that a decoder needs.
 */

/** Key frames are asked for with every picture: more than a few behind one and nobody waits for them, frames. */
const MOST = 8;

/** @param {any} event */
const onTransform = ({ transformer }) => {
  const writer = transformer.writable.getWriter();
  const { port } = transformer.options;
  let passes = false;
  /** @type {any[]} */ let held = [];

  port.onmessage = (/** @type {MessageEvent<"pass" | "hold">} */ { data }) => {
    passes = data === "pass";
    // A stream that has ended takes nothing any more.
    if (passes) for (const frame of held) writer.write(frame).catch(() => {});
    held = [];
  };

  const read = async () => {
    for await (const frame of transformer.readable) {
      if (passes) {
        writer.write(frame).catch(() => {});
        continue;
      }
      if (frame.type === "key") held = [];
      else if (held.length === 0 || held.length === MOST) {
        held = [];
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
