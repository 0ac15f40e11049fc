// Does a browser's encoder obey REMB although transport-cc is agreed? One browser sends over a wide
// link, the other watches behind a narrow one: only REMB tells the sender. docs/congestion/browsers.md.
//
//   deploy/lab remb deploy/wan/scenarios/picture.toml deploy/browser/picture/remb.mjs [firefox]

import { ownAddress, setLink } from "../lib/lab.mjs";
import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";
import { sleep } from "../lib/until.mjs";

const publisher = process.argv[2] ?? "chromium";
/** What the viewer's way carries, kbit/s, for so many seconds each. */
const STEPS = [[0, 20], [700, 25], [300, 25], [0, 40]];

/** Noise, so that an encoder takes all it may; runs in the page. */
function noisyCamera() {
  const devices = Object.getPrototypeOf(navigator.mediaDevices);
  const native = devices.getUserMedia;
  devices.getUserMedia = async function getUserMedia({ video, ...rest }) {
    const stream = rest.audio ? await native.call(this, rest) : new MediaStream();
    if (!video) return stream;
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
    const context = canvas.getContext("2d");
    const image = context.createImageData(640, 480);
    const words = new Uint32Array(image.data.buffer);
    let state = 1;
    setInterval(() => {
      for (let i = 0; i < words.length; i += 1) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        words[i] = 0xff808080 + ((state >>> 26) & 0x1f) * 0x010101;
      }
      context.putImageData(image, 0, 0);
    }, 40);
    stream.addTrack(canvas.captureStream(25).getVideoTracks()[0]);
    return stream;
  };
}

/** Video sent and received so far, bytes; runs in the page. */
async function bytes() {
  const sum = { sent: 0, got: 0, target: 0 };
  for (const pc of window.__probe.pcs) {
    for (const stat of (await pc.getStats()).values()) {
      if (stat.kind !== "video") continue;
      if (stat.type === "outbound-rtp") {
        sum.sent += stat.bytesSent;
        sum.target = (stat.targetBitrate ?? 0) / 1_000;
      }
      if (stat.type === "inbound-rtp") sum.got += stat.bytesReceived;
    }
  }
  return { ...sum, at: performance.now() };
}

const address = ownAddress();
const seats = [];
const server = await Server.start({ address, apart: true });
try {
  const open = async (side, browser) => {
    const seat = await Seat.open(side, "about:blank", {
      host: side,
      browser,
      args: [`--unsafely-treat-insecure-origin-as-secure=${server.origin}`],
      prefs: { "dom.securecontext.allowlist": address },
    });
    seats.push(seat);
    return seat;
  };
  const shopper = await open("shopper", publisher);
  const agent = await open("agent", "chromium");
  await shopper.page.evaluateOnNewDocument(noisyCamera);
  await Promise.all([shopper.page.goto(server.shopperUrl), agent.page.goto(await server.signIn())]);
  await agent.press("Go available");
  await Promise.all([shopper.preview(), agent.preview()]);
  await shopper.press("Join");
  await agent.find("button", "Accept");
  await agent.press("Accept");
  console.log(await shopper.browser.version());
  console.log("viewer's way, kbit/s   sender's video, kbit/s, every second");
  for (const [rate, seconds] of STEPS) {
    setLink("agent.down", { rate_kbps: rate, queue_ms: 300 });
    const sent = [];
    let before = await shopper.page.evaluate(bytes);
    for (let i = 0; i < seconds; i += 1) {
      await sleep(1_000);
      const now = await shopper.page.evaluate(bytes);
      sent.push(Math.round(((now.sent - before.sent) * 8) / (now.at - before.at)));
      before = now;
    }
    console.log(`${String(rate || "no limit").padStart(9)}   ${sent.join(" ")}   target ${Math.round(before.target)}`);
  }
  const limited = await shopper.heard("video_cap");
  console.log(`caps told over the socket: ${limited.length}`);
} finally {
  await Promise.all(seats.map((seat) => seat.close()));
  await server.stop();
}
