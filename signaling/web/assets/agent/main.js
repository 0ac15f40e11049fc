// @ts-check
/** The agent console: sign-in, presence, ring, call, wrap-up. */
import { announce, clock, h, put, show } from "../shared/dom.js";
import { Session } from "../shared/session.js";
import { words } from "../shared/words.js";
import { contextList } from "./context.js";
import { Desk } from "./desk.js";
import { Networks } from "./networks.js";
import { RingScreen } from "./ring.js";
import { Ring } from "./sound.js";
import { t } from "./strings.js";
import { WrapUp } from "./wrapup.js";

/** The context panel, next to the call for all its time. */
const about = h("section", { class: "call-about", "aria-label": t.context, tabindex: 0 });
const networks = new Networks();
const sound = new Ring();
/** The call that is on, or was: the wrap-up still shows it. @type {import("../shared/callview.js").Call | null} */
let latest = null;
/** Lines about how the last call ended. @type {string[]} */
let ending = [];
/** A wrap-up that has not been confirmed. @type {{type: "wrap_up", call: string, outcome: string, note: string} | null} */
let report = null;
/** Whether a sign-in link was tried and refused. */
let spent = false;

const session = new Session({
  role: "agent", t, side: h("div", { class: "call-panels" }, networks.element, about), auth: () => ({ kind: "session" }), onWelcome, onMessage, onProblem, onBye,
});
const { media } = session;

const desk = new Desk(media, {
  available: () => {
    sound.unlock();
    session.socket.send({ type: "presence", state: "available" });
    void media.ask();
  },
  takeBreak: () => session.socket.send({ type: "presence", state: "break" }),
  auto: () => session.socket.send({ type: "auto_accept", on: desk.auto }),
});

const ring = new RingScreen({
  accept: ({ offer }) => {
    session.stages.mark("accept");
    session.socket.send({ type: "accept", offer });
    session.accepted();
    sound.stop();
    void media.ask();
  },
  decline: ({ offer }) => session.socket.send({ type: "decline", offer }),
});

const wrapUp = new WrapUp((call, outcome, note) => {
  report = { type: "wrap_up", call, outcome, note };
  session.socket.send(report);
});

/** @param {import("../shared/session.js").Welcome} welcome */
function onWelcome(welcome) {
  desk.welcome(welcome);
  if (desk.auto) session.socket.send({ type: "auto_accept", on: true });
  const { phase } = welcome;
  if (phase.phase !== "ringing") stopRinging();
  switch (phase.phase) {
    case "idle":
      return idle(phase.presence);
    case "ringing":
      desk.be("ringing");
      return offered(/** @type {any} */ (phase));
    case "in_call":
      desk.be("in_call");
      return inCall(/** @type {any} */ (phase));
    case "wrap_up":
      desk.be("wrap_up");
      if (report && report.call === phase.call) session.socket.send(report);
      return wrap(phase.call, phase.left_s);
  }
}

/** @param {import("../shared/socket.js").Message} message */
function onMessage(message) {
  switch (message.type) {
    case "presence":
      if (message.state === "available" || message.state === "break") return idle(message.state);
      return desk.be(message.state);
    case "network":
      return networks.show(/** @type {any} */ (message));
    case "waiting":
      return desk.waiting(message.waiting, message.longest_s);
    case "offer":
      return offered(/** @type {any} */ (message));
    case "offer_ended":
      if (ring.offer?.offer !== message.offer) return;
      stopRinging();
      desk.note(t.offerEnded[message.reason] ?? "");
      announce(t.offerEnded[message.reason] ?? "");
      return show(desk.element);
    case "call_started":
      if (!ring.offer && latest?.call !== message.call) sound.chime();
      stopRinging();
      return inCall(/** @type {any} */ (message));
    case "call_ended":
      session.endCall();
      ending = [t.ended[message.reason] ?? "", t.lasted(clock(message.duration_s))];
      if (message.wrap_up_s === undefined) return show(desk.element);
      return wrap(message.call, message.wrap_up_s);
    case "timeline":
      return wrapUp.timeline(message.call, message.entries);
  }
}

/** @param {string} presence */
function idle(presence) {
  report = null;
  wrapUp.stop();
  desk.be(presence);
  if (session.view.call || ring.offer) return;
  // On a break the camera's light is out; it comes back with the next "Go available".
  if (presence === "available") void media.ask();
  else media.stop();
  desk.card.active(true);
  show(desk.element);
}

/** @param {import("./ring.js").Offer} offer */
function offered(offer) {
  offer.name ||= t.peer;
  session.stages.forget();
  session.stages.mark("ring");
  desk.note("");
  ring.start(offer);
  sound.start(t.titleRing(offer.name));
  session.ring(true);
  void media.ask();
  show(ring.element);
}

function stopRinging() {
  sound.stop();
  ring.stop();
  session.ring(false);
}

/** @param {import("../shared/callview.js").Call} call */
function inCall(call) {
  latest = call;
  desk.card.active(false);
  networks.start(call.peer);
  put(about, h("h2", {}, t.context), contextList(call.context, call.media));
  // After a reload the camera is not open yet; its track is attached when it comes.
  void media.ask();
}

/** @param {string} call @param {number} left seconds */
function wrap(call, left) {
  const known = latest?.call === call ? latest : null;
  wrapUp.start({
    call, left, peer: known?.context.name ?? null, lines: known ? ending : [],
    about: known && contextList(known.context, known.media),
  });
  show(wrapUp.element);
}

/** @param {import("../shared/session.js").Problem} problem */
function onProblem(problem) {
  if (problem.stage !== "hello") {
    ring.release();
    // Whatever was refused, nothing has been accepted.
    session.ring(ring.offer !== null);
    desk.note(`${problem.title}. ${problem.hint}`);
    return;
  }
  if (problem.code === "protocol_unsupported") {
    leave({ title: t.outdated, text: t.outdatedText, action: { name: t.reload, press: () => location.reload() } });
  } else if (problem.status === 401 || problem.status === 403) {
    leave({ title: t.signedOut, text: spent ? t.spentText : t.signedOutText });
  }
}

/** @param {string} reason */
function onBye(reason) {
  if (reason === "replaced") {
    leave({ title: t.replaced, text: t.replacedText, action: { name: t.useHere, press: () => location.reload() } });
  } else if (reason === "signed_out") {
    leave({ title: t.signedOut, text: spent ? t.spentText : t.signedOutText });
  } else if (reason === "abuse") {
    leave({ title: t.abuse, text: t.abuseText, action: { name: t.reload, press: () => location.reload() } });
  }
}

/** @param {Parameters<typeof words>[0]} what */
function leave(what) {
  stopRinging();
  session.stop();
  /** @type {HTMLElement} */ (document.getElementById("top")).hidden = true;
  show(words(what));
}

/** Shortcuts of one letter, off while writing or with a modifier held. */
addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest?.("input, textarea, select")) return;
  const key = event.key.toLowerCase();
  if (ring.offer) {
    if (key === "a") ring.accept();
    if (key === "d") ring.decline();
  } else if (session.view.call) {
    if (key === "m") void media.setMicrophone(!media.state.microphone);
    if (key === "c") void media.setCamera(!media.video);
  }
});

/** A one-time link becomes a session cookie; the link leaves the address and the history. */
async function signIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get("signin");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  const response = await fetch("/v1/agent/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  // Refused is not the end: there may be a session from the first time.
  spent = !response.ok;
}

async function open() {
  if (!("RTCPeerConnection" in window)) return show(words({ title: t.unsupported, text: t.unsupportedText }));
  try {
    await signIn();
  } catch {
    return show(words({
      title: t.signInFailed, text: t.signInFailedText, action: { name: t.tryAgain, press: () => location.reload() },
    }));
  }
  session.start();
  session.stages.mark("page_ready");
}

addEventListener("hashchange", () => location.hash.includes("signin=") && location.reload());
void open();
