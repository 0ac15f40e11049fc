// @ts-check
/** The shopper page: opens the seat its link names and shows where the shopper stands. */
import { show } from "../shared/dom.js";
import { Session } from "../shared/session.js";
import { words } from "../shared/words.js";
import { question } from "./after.js";
import { Lobby } from "./lobby.js";
import { t } from "./strings.js";

const SEAT_KEY = "vitrine.seat";
/** Problems that no second try will solve. */
const FINAL = new Set(["token_expired", "token_invalid", "link_used_up", "unauthorized", "forbidden", "protocol_unsupported"]);

const link = decodeURIComponent(location.hash.slice(1));

/** The seat token this tab got for this link: it outlives the link's own expiry. */
const seat = {
  /** @returns {string | null} */
  get() {
    try {
      const saved = JSON.parse(sessionStorage.getItem(SEAT_KEY) ?? "null");
      return saved?.link === link ? saved.token : null;
    } catch {
      return null;
    }
  },
  /** @param {string | null} token */
  set(token) {
    try {
      if (token) sessionStorage.setItem(SEAT_KEY, JSON.stringify({ link, token }));
      else sessionStorage.removeItem(SEAT_KEY);
    } catch {
      // Without storage a reload opens the link again, which is the same seat.
    }
  },
};

/** What the page knows of the last call, for the question after it. */
const last = { peer: /** @type {string | null} */ (null), duration: /** @type {number | null} */ (null), reason: /** @type {string | null} */ (null) };
/** @type {{type: "satisfaction", call: string, score: number, comment?: string} | null} */
let answer = null;
/** The question on the screen is about this call. @type {string | null} */
let asked = null;
let leaving = false;
/** **Join** was pressed and nothing has come of it yet. */
let joining = false;
let shop = "";

const session = new Session({
  role: "shopper",
  t,
  auth: () => {
    const token = seat.get();
    return token ? { kind: "seat", token } : { kind: "link", token: link };
  },
  onWelcome,
  onMessage,
  onProblem,
  onBye,
});

const lobby = new Lobby(session.media, {
  join: () => {
    leaving = false;
    session.stages.forget();
    session.stages.mark("join");
    joining = true;
    session.socket.send({ type: "join", media: session.media.choice });
    session.expect();
  },
  leave: () => {
    leaving = true;
    session.ring(false);
    if (session.socket.send({ type: "leave" })) lobby.lobby(true);
  },
});

/** @param {import("../shared/session.js").Welcome} welcome */
function onWelcome(welcome) {
  if (welcome.seat) seat.set(welcome.seat);
  shop = welcome.shop;
  document.title = t.pageTitle(shop);
  lobby.welcome(welcome);
  const { phase } = welcome;
  session.ring(phase.phase === "queued" && phase.ringing);
  switch (phase.phase) {
    case "lobby":
      lobby.lobby(false);
      if (joining) session.socket.send({ type: "join", media: session.media.choice });
      return show(lobby.element);
    case "queued":
      lobby.queue(/** @type {any} */ (phase));
      return show(lobby.element);
    case "in_call":
      return inCall(/** @type {any} */ (phase));
    case "satisfaction":
      if (answer && answer.call === phase.call) session.socket.send(answer);
      else ask(phase.call);
      return;
    default:
      return thank(answer !== null);
  }
}

/** @param {import("../shared/socket.js").Message} message */
function onMessage(message) {
  switch (message.type) {
    case "queue":
      if (leaving) return;
      joining = false;
      session.ring(message.ringing);
      lobby.queue(/** @type {any} */ (message));
      return show(lobby.element);
    case "call_started":
      return inCall(/** @type {any} */ (message));
    case "call_ended": {
      const wasIn = session.view.call !== null;
      session.endCall();
      last.duration = message.duration_s;
      last.reason = message.reason;
      if (message.reason === "abandoned" && !wasIn) {
        leaving = false;
        lobby.lobby(true);
        return show(lobby.element);
      }
      session.media.stop();
      return ask(message.call);
    }
  }
}

/** @param {import("../shared/callview.js").Call} call */
function inCall(call) {
  leaving = joining = false;
  last.peer = call.peer;
  lobby.card.active(false);
  document.title = `${call.peer} · ${shop}`;
}

/** @param {string} call */
function ask(call) {
  if (asked === call) return;
  asked = call;
  show(question(last, (score, comment) => {
    answer = { type: "satisfaction", call, score, ...(comment ? { comment } : {}) };
    // When the line is down it goes with the next welcome.
    session.socket.send(answer);
    thank(true);
  }, () => thank(false)));
}

/** @param {boolean} answered */
function thank(answered) {
  session.media.stop();
  show(words({ icon: "check", title: t.thanks, text: answered ? t.thanksText(shop) : t.thanksPlain }));
}

/** @param {import("../shared/session.js").Problem} problem */
function onProblem(problem) {
  if (problem.stage !== "hello" || !FINAL.has(problem.code)) {
    leaving = joining = false;
    return lobby.problem(`${problem.title}. ${problem.hint}`);
  }
  if (seat.get() && problem.code.startsWith("token_")) {
    // The seat is over; the link itself may still open a new one.
    seat.set(null);
    return session.socket.redial();
  }
  session.stop();
  const [title, text] = t.refused[problem.code] ?? [problem.title, problem.hint];
  const action = problem.code === "protocol_unsupported" ? { name: t.reload, press: () => location.reload() } : undefined;
  show(words({ title, text, action }));
}

/** @param {string} reason */
function onBye(reason) {
  if (reason === "restarting" || session.socket.state === "stopped") return;
  const screens = /** @type {Record<string, {title: string, text: string, action?: {name: string, press: () => void}}>} */ ({
    replaced: { title: t.replaced, text: t.replacedText, action: { name: t.useHere, press: () => location.reload() } },
    signed_out: { title: t.signedOut, text: t.signedOutText },
    abuse: { title: t.abuse, text: t.abuseText, action: { name: t.reload, press: () => location.reload() } },
  });
  session.stop();
  show(words({ ...screens[reason] ?? screens.signed_out }));
}

addEventListener("hashchange", () => location.reload());

if (!link) {
  show(words({ title: t.noLink, text: t.noLinkText }));
} else if (!("RTCPeerConnection" in window)) {
  show(words({ title: t.unsupported, text: t.unsupportedText }));
} else {
  session.start();
  show(lobby.element);
  void session.media.ask();
  session.stages.mark("page_ready");
}
