// @ts-check
/** The agent console's words. */
import { shared } from "../shared/strings.js";

export const t = {
  ...shared,
  title: "Agent console",
  goAvailable: "Go available",
  takeBreak: "Take a break",
  /** @type {Record<string, string>} */
  presence: {
    offline: "Offline", break: "On a break", available: "Available", ringing: "Ringing",
    in_call: "In a call", wrap_up: "Wrapping up",
  },
  presenceLabel: (/** @type {string} */ word) => `You are: ${word}`,
  waitingNone: "Nobody is waiting",
  waiting: (/** @type {number} */ n) => (n === 1 ? "1 shopper is waiting" : `${n} shoppers are waiting`),
  longest: (/** @type {string} */ time) => `longest ${time}`,

  auto: "Answer calls automatically",
  autoHint: "Calls start without ringing, with your camera and microphone on. Switch it off when you leave your desk.",

  availableTitle: "You are available",
  availableText: "The next call rings here. Keep this page open; it may be in the background.",
  breakTitle: "You are on a break",
  breakText: "Nobody can ring you. Your camera and microphone are off.",
  shortcuts: "Shortcuts",
  keys: /** @type {[string, string][]} */ ([
    ["A", "Accept"], ["D", "Decline"], ["M", "Mute"], ["C", "Camera off"],
  ]),
  shortcutsNote: "They work whenever you are not writing.",
  /** @type {Record<string, string>} */
  offerEnded: {
    declined: "You passed the call on.",
    expired: "The call rang too long and went to someone else.",
    withdrawn: "The shopper left before you answered.",
  },

  incoming: "Incoming call",
  from: (/** @type {string} */ name) => `${name} is calling`,
  waited: (/** @type {string} */ time) => `Waited ${time}`,
  left: (/** @type {number} */ s) => `${s} s left to answer`,
  accept: "Accept",
  decline: "Decline",
  accepting: "Connecting…",
  /** @type {Record<string, string>} */
  brings: { video: "Camera and microphone", audio: "Microphone only", text: "Text only" },
  peer: "Shopper",
  titleRing: (/** @type {string} */ name) => `☎ ${name}`,

  context: "About this call",
  order: "Order",
  product: "Product",
  language: "Language",
  page: "Came from",
  bringsLabel: "Joins with",

  networks: "Connections",
  networksGood: "Both connections are good",
  /** @type {Record<string, string>} */
  networkIs: { fair: "could be better", weak: "is weak" },
  yourNetwork: (/** @type {string} */ is) => `Your connection ${is}`,
  shoppersNetwork: (/** @type {string} */ is) => `The shopper’s connection ${is}`,
  bothNetworks: { fair: "Both connections could be better", weak: "Both connections are weak" },
  networksUnknown: "Nothing is known yet",
  figures: "Figures",
  figure: "Figure",
  figureNames: {
    roundTrip: "Round trip", lostUp: "Lost, sending", lostDown: "Lost, getting", up: "Sends", down: "Gets",
    room: "Could get", queue: "Longest wait", picture: "Sees", frozen: "Frozen", concealed: "Sound gaps",
  },
  places: "Media goes over",
  inPlace: (/** @type {string} */ region, /** @type {string} */ why) => `${region}: ${why}`,
  inMs: (/** @type {number} */ value) => `${Math.round(value)} ms`,
  inPercent: (/** @type {number} */ value) => `${(value * 100).toFixed(1)} %`,
  inRate: (/** @type {number} */ value) => (value >= 1_000 ? `${(value / 1_000).toFixed(1)} Mbit/s` : `${Math.round(value)} kbit/s`),
  inPicture: (/** @type {number} */ lines, /** @type {number} */ fps) => (fps < 1 ? "no picture" : `${lines} lines, ${Math.round(fps)}/s`),
  inSeconds: (/** @type {number} */ value) => `${value.toFixed(1)} s`,

  wrapUp: (/** @type {string} */ name) => `How did it go with ${name}?`,
  wrapUpPlain: "How did it go?",
  lasted: (/** @type {string} */ time) => `The call took ${time}.`,
  /** @type {Record<string, string>} */
  ended: {
    shopper_hung_up: "The shopper hung up.",
    agent_hung_up: "You hung up.",
    shopper_lost: "The shopper lost the connection and did not come back.",
    agent_lost: "Your connection was away too long.",
    operator: "An operator ended the call.",
    server_stopped: "The service had to stop.",
  },
  outcome: "Outcome",
  /** @type {[string, string, string][]} */
  outcomes: [
    ["resolved", "Resolved", "They have what they wanted"],
    ["follow_up", "Follow up", "Something is left to do"],
    ["not_resolved", "Not resolved", "The call could not help"],
    ["no_reason", "No reason", "Wrong number, test, abuse"],
  ],
  note: "Note",
  noteHint: "What the next colleague should know",
  done: "Done",
  endsIn: (/** @type {string} */ time) => `Ends by itself in ${time}`,
  timeline: "Where the time went",
  timelineNote: "Milliseconds from your press on Accept, or from the start of a call that was answered automatically.",
  fromAccept: "From Accept",
  stage: "Stage",
  side: "Side",
  sides: { shopper: "Shopper", agent: "You", server: "Service" },

  signedOut: "You are signed out",
  signedOutText: "Open the sign-in link your administrator gave you. The first one is printed where the service was started.",
  spentText: "This sign-in link has been used already or has expired. Ask your administrator for a new one.",
  signInFailed: "Signing in did not work",
  signInFailedText: "The service did not answer. Check your connection and try again.",
  replaced: "The console is open somewhere else",
  replacedText: "You opened it in another tab or on another computer, and went on there.",
  useHere: "Use it here",
  abuse: "The connection was closed",
  abuseText: "This page said something the service did not understand. Reload to go on.",
  outdated: "This page is out of date",
  outdatedText: "There is a newer version. Reload to go on.",
  reload: "Reload",
  unsupported: "This browser cannot make video calls",
  unsupportedText: "Open the console in a current Chrome, Edge, Firefox or Safari.",
};
