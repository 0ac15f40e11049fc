// @ts-check
/** The shopper page's words. */
import { shared } from "../shared/strings.js";

const minutes = (/** @type {number} */ seconds) => {
  if (seconds < 45) return "less than a minute";
  const whole = Math.round(seconds / 60);
  return whole <= 1 ? "about a minute" : `about ${whole} minutes`;
};

export const t = {
  ...shared,
  pageTitle: (/** @type {string} */ shop) => `Video call with ${shop}`,
  loading: "One moment…",
  hello: (/** @type {string} */ name) => `Hello ${name},`,
  talkTo: (/** @type {string} */ host) => `Talk to ${host}`,
  lobbyText: (/** @type {string} */ shop) => `A person at ${shop} will see and hear you once they answer, and not before.`,
  about: "About",
  order: (/** @type {string} */ order) => `Order ${order}`,
  join: "Join",
  joinAudio: "You join with your microphone only.",
  joinText: "You join with text only. You will still see and hear the other side.",
  left: "You left the queue. You can join again.",

  next: "You are next",
  place: (/** @type {number} */ n) => `You are number ${n} in line`,
  ringing: "Someone is about to answer",
  ringingText: "Your camera and microphone go on when they answer.",
  instant: "While it rings, your picture and sound already go to our server, so that the call starts at once.",
  ringingInstant: "Your picture and sound go to our server now, so that the call starts at once. Nobody sees or hears you before they answer.",
  estimate: (/** @type {number} */ seconds) => `Usually ${minutes(seconds)}.`,
  noEstimate: "We cannot say yet how long it takes.",
  nobody: "Nobody is at the desk right now. Keep this page open: you are first to be called when someone comes.",
  nobodyPlace: "Nobody is at the desk right now. Keep this page open: we keep your place.",
  keepOpen: "Keep this page open. It is fine to look around in another app; we keep your place.",
  leave: "Leave the queue",

  question: "How was your call?",
  questionWith: (/** @type {string} */ name) => `How was your call with ${name}?`,
  lasted: (/** @type {string} */ duration) => `You talked for ${duration}.`,
  /** @type {Record<string, string>} */
  ended: {
    agent_lost: "The other side lost the connection and did not come back. We are sorry.",
    shopper_lost: "Your connection was away too long, so the call ended.",
    operator: "The shop ended the call.",
    server_stopped: "Our service had to stop, so the call ended. We are sorry.",
  },
  scores: ["Very bad", "Bad", "Okay", "Good", "Very good"],
  comment: "Anything you want to tell us? (optional)",
  done: "Done",
  skip: "Skip",
  thanks: "Thank you",
  thanksText: (/** @type {string} */ shop) => `Your answer helps ${shop}. You can close this page now.`,
  thanksPlain: "Your call is over. You can close this page now.",

  noLink: "This page needs your link",
  noLinkText: "Open the complete link you got from the shop: the part after # is missing here.",
  /** @type {Record<string, [string, string]>} */
  refused: {
    token_expired: ["This link has expired", "Links work for a limited time. Ask the shop for a new one."],
    token_invalid: ["This link is not valid", "It may have been cut off on the way. Copy the whole link, or ask the shop for a new one."],
    link_used_up: ["This link has already been used", "Ask the shop for a new one to call again."],
    unauthorized: ["This link is not valid", "Ask the shop for a new one."],
    forbidden: ["This link cannot be used here", "Ask the shop for a new one."],
    protocol_unsupported: ["This page is out of date", "There is a newer version. Reload to go on."],
  },
  reload: "Reload",
  replaced: "Your call is open somewhere else",
  replacedText: "You opened the same link in another tab or on another device, and went on there.",
  useHere: "Use it here",
  signedOut: "This link no longer works",
  signedOutText: "Ask the shop for a new one.",
  abuse: "The connection was closed",
  abuseText: "This page said something our service did not understand. Reload to go on.",
  unsupported: "This browser cannot make video calls",
  unsupportedText: "Open this link in a current Safari, Chrome, Edge or Firefox.",
};
