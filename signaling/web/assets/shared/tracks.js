// @ts-check
/**
 * What a leg sends: the gate between the page's camera and microphone and the network.
 *
 * @typedef {import("./leg.js").Outgoing} Outgoing
 */

import { videoWithMode, preferRedundantAudio } from "./codecs.js";
import { FirstPicture } from "./firstpicture.js";
import { Held } from "./held.js";
import { Pace } from "./pace.js";
import { Waiting } from "./waiting.js";

/** Most a camera may send: 720p30 looks no better with more. */
const VIDEO_BITRATE = 2_500_000;
/**
 * Most that it may send until the other side's network has been heard of, and how long that takes, ms. The browser's
 * first probe, of this page's own network, is over with the first picture, and would let twice as much into a way that
 * may not take half of it.
 */
const FIRST_BITRATE = 800_000;
/** The same where media has flowed to the node while it rang: this page's own network has been heard of. */
const HEARD_BITRATE = 1_200_000;
const UNHEARD = 1_000;
/**
 * Then a browser that believes in little is allowed all for so long, ms, which is enough for it to probe; unless it has found a
 * network that takes less than this, bit/s, where the probe would stand in the way for a quarter of a second.
 */
const PROBED_FOR = 50;
const PROBED_FROM = 500_000;

/** With less than this, bit/s, a camera sends this many pictures a second. */
const SLOW_BELOW = 200_000;
const SLOW = 15;

/**
 * So long the first picture stands alone, ms. The camera's own would be encoded, sent and shown while both
 * pages still work on the first ones, and make those late on a machine without processors to spare.
 */
const FIRST_ALONE = 40;
/**
 * A picture that was held is followed by another one so soon, ms: it makes the camera's encoder, which takes as long as a
 * camera's picture or two. Without it the first one stood still for 100 to 260 ms.
 */
const SECOND_AFTER = 15;
/**
 * While it rings pictures are made so often, ms, with so many bit/s: they stay in the page, or go to the node and no further.
 * An encoder spends what a second allows on the pictures of a second, however few, and half as much again on a key frame:
 * with 250 kbit/s these have 6 to 9 kB, which take 10 to 15 ms on a line of 5 Mbit/s. Those that stay here get less, for
 * two of them leave at once, and a smaller one is seldom broken by a lost packet; the next comes a moment later. For what
 * flows less is too little: the browser's estimate falls to a share of it when the call starts badly.
 */
const RUNG_EVERY = 125;
const RUNG_BITRATE = 250_000;
const HELD_BITRATE = 150_000;

/** What the encoder may use follows what it reckons with, and what waits behind it, so often, ms: it looks itself once a second. */
const PACED_EVERY = 300;

/** @type {Outgoing} */
const NOTHING = { audio: null, video: null, screen: false, preview: null };

export class Tracks {
  /** @type {Outgoing} */ #outgoing = NOTHING;
  #open = false;
  /** Open, and shown to nobody yet. */ #ringing = false;
  /** Most that the other side's network takes now, bit/s. */
  #cap = VIDEO_BITRATE;
  /** Most that may be sent now in any case, bit/s. */
  #most = RUNG_BITRATE;
  /** Most from the camera's first picture on, until then. */ #unknown = FIRST_BITRATE;
  /** Runs until then. */ #unheard = 0;
  /** The swaps so far. A sender has its new track only once the swap is done, so they take turns. */
  #swaps = Promise.resolve();
  #swapping = 0;
  /** What the sender was asked for last, as JSON. */ #tuned = "";
  #pace = new Pace();
  /** What was asked for is this part of what the encoder may use. */
  #share = 1;
  #waiting = new Waiting();
  /** Runs while the camera or a screen is sent. */
  #paced = 0;
  #first = FirstPicture.make();
  /** @type {Held | null} */ #held = null;
  /** The encoder has made pictures, and may make one that needs others. */
  #encoded = false;
  /** Runs while the first picture is all that the sender has. */
  #alone = 0;
  /** Runs until the picture behind the one that was held. */
  #second = 0;
  /** Runs while it rings: single pictures instead of the camera. */
  #stills = 0;
  #audio;
  #video;

  /**
   * Adds the two transceivers to a new connection.
   * @param {RTCPeerConnection} pc
   * @param {() => void} onLost nothing can be sent any more
   */
  constructor(pc, onLost) {
    this.#audio = pc.addTransceiver("audio", { direction: "sendrecv" });
    preferRedundantAudio(this.#audio);
    this.#video = videoWithMode(pc, RUNG_BITRATE);
    if (this.#first) this.#held = Held.make(this.#video.sender, onLost);
    void swap(this.#video.sender, this.#first?.track ?? null);
    // Show what arrives as soon as it arrives; the browser still grows its buffer when it must.
    for (const { receiver } of [this.#audio, this.#video]) {
      const hints = /** @type {any} */ (receiver);
      if ("jitterBufferTarget" in receiver) hints.jitterBufferTarget = 0;
      else if ("playoutDelayHint" in receiver) hints.playoutDelayHint = 0;
    }
  }

  /**
   * The gate may open soon. A picture is made and stays in the page: when it opens there is one to leave at once.
   * @param {Outgoing} outgoing @param {boolean} rings then again and again, so that it is a late one
   * @param {boolean} stays none will flow before the call
   */
  prepare(outgoing, rings, stays) {
    this.#outgoing = outgoing;
    if (this.#open) return;
    this.#endSingle();
    if (stays) this.#allow(HELD_BITRATE);
    void this.#hold();
    if (rings) this.#stills = setInterval(() => void this.#hold(), RUNG_EVERY);
  }

  /** It will not open soon. */
  unprepare() {
    if (!this.#open) this.#endSingle();
  }

  /** Opens the gate. @param {Outgoing} outgoing @param {boolean} [ringing] nobody is shown it yet */
  async start(outgoing, ringing = false) {
    const begins = !this.#open || this.#ringing;
    this.#ringing = ringing;
    this.#outgoing = outgoing;
    if (begins) {
      this.#endSingle();
      if (this.#open ? this.#show(false) : this.#leave(ringing)) {
        if (ringing) this.#stills = setInterval(() => {
          if (!this.#show(true)) this.#live();
        }, RUNG_EVERY);
        else this.#alone = setTimeout(() => this.#live(), FIRST_ALONE);
      }
      this.#unknown = ringing || this.#open ? HEARD_BITRATE : FIRST_BITRATE;
      if (!this.#alone && !this.#stills) this.#most = this.#unknown;
      clearTimeout(this.#unheard);
      if (!ringing) this.#unheard = setTimeout(() => this.#hear(), UNHEARD);
    }
    this.#open = true;
    await this.#apply();
  }

  /** @param {Outgoing} outgoing */
  async update(outgoing) {
    const other = outgoing.video !== this.#outgoing.video;
    this.#outgoing = outgoing;
    if (this.#open) await this.#apply();
    // Not a picture of what is off by now.
    else if (other) this.#held?.hold();
  }

  /** Closes the gate. */
  async stop() {
    this.#open = this.#ringing = false;
    this.#endSingle();
    this.#held?.hold();
    clearTimeout(this.#unheard);
    this.#allow(RUNG_BITRATE);
    await this.#apply();
  }

  /** For good. */
  close() {
    this.#endSingle();
    clearTimeout(this.#unheard);
    this.#rest();
    this.#held?.close();
    this.#first?.track.stop();
  }

  /** The way to the other side takes no more than this, and the browser has not heard it itself. @param {number} kbps */
  cap(kbps) {
    this.#cap = Math.min(VIDEO_BITRATE, kbps * 1_000);
    this.tune();
  }

  /** What the encoder may use, bit/s. */
  get wanted() {
    return Math.min(this.#cap, this.#most);
  }

  /** It has been asked to use this part of that, since it uses more than it is asked to by as much (`pace.js`). */
  get share() {
    return this.#share;
  }

  /** @param {number} most bit/s */
  #allow(most) {
    this.#most = most;
    this.tune();
  }

  /** What the browser believes in so far may be little because nothing has told it of more: it probes what it is newly allowed. */
  #hear() {
    this.#most = VIDEO_BITRATE;
    if (!this.#paced || this.#waiting.takes <= PROBED_FROM) return this.tune();
    this.#waiting.forget();
    this.#follow(PROBED_FOR);
  }

  /** Whether the browser knows scalability modes: those that do probe what they are newly allowed. */
  get knowsModes() {
    const [encoding] = this.#video.sender.getParameters().encodings ?? [];
    return /** @type {any} */ (encoding)?.scalabilityMode !== undefined;
  }

  /**
   * A picture leaves now: the one that is held, or the camera's latest.
   * @param {boolean} ringing nobody is shown it yet
   * @returns {boolean} whether there is one
   */
  #leave(ringing) {
    const isLate = this.#held?.isLate === true;
    if (!isLate) {
      this.#held?.hold();
      if (this.#encoded) void this.#askKeyFrame();
    }
    this.#held?.pass();
    if (isLate) this.#second = setTimeout(() => this.#show(ringing), SECOND_AFTER);
    return isLate || this.#show(ringing);
  }

  /** The camera's latest picture is encoded, and held. */
  async #hold() {
    if (!this.#held?.holds) return;
    // In this order: each is a key frame, so that one is all that is held.
    if (this.#encoded) await this.#askKeyFrame();
    if (this.#held.holds && this.#show(true)) this.#held.given();
  }

  /** The encoder's next picture is to need no other: where pictures are held, some that it made are gone. */
  async #askKeyFrame() {
    const sender = /** @type {any} */ (this.#video.sender);
    const parameters = sender.getParameters();
    if (this.#held === null || !parameters.encodings?.length) return;
    await sender.setParameters(parameters, { encodingOptions: [{ keyFrame: true }] }).catch(() => {});
  }

  /**
   * The encoder gets the camera's latest picture now.
   * @param {boolean} ringing it rings: what comes after is to have an encoder that owes nothing
   * @returns {boolean} whether there is one
   */
  #show(ringing) {
    const { video, screen, preview } = this.#outgoing;
    const shown = video !== null && !screen && preview !== null && this.#first?.show(preview, ringing) === true;
    if (shown) this.#pace.given();
    this.#encoded ||= shown;
    return shown;
  }

  /** Nothing but the camera from now on: no single pictures. */
  #endSingle() {
    clearInterval(this.#stills);
    clearTimeout(this.#alone);
    clearTimeout(this.#second);
    this.#stills = this.#alone = 0;
  }

  /** The camera takes over. */
  #live() {
    this.#endSingle();
    this.#most = this.#unknown;
    void this.#apply();
  }

  /** How the encoder gives way: a camera keeps moving, a screen stays readable. */
  tune() {
    const sender = this.#video.sender;
    const parameters = sender.getParameters();
    if (!parameters.encodings?.length) return;
    const most = this.wanted;
    const slow = most < SLOW_BELOW;
    this.#share = this.#pace.share(slow ? SLOW : Infinity);
    const asked = Math.round(Math.min(most, this.#waiting.takes, this.#waiting.limit) * this.#share);
    // That the first second has few bits is no reason to make its pictures small. Later they may be, rather than few: an
    // encoder that has reckoned with ten a second makes three times what it may once there are thirty (decision 0055).
    const small = !this.#outgoing.screen && this.#most >= VIDEO_BITRATE;
    const preference = small ? "maintain-framerate" : "maintain-resolution";
    const tuned = JSON.stringify([preference, asked, slow]);
    // Every change makes an encoder think, and it is asked while the first picture waits for it.
    if (tuned === this.#tuned) return;
    this.#tuned = tuned;
    /** @type {any} */ (parameters).degradationPreference = preference;
    const [encoding] = parameters.encodings;
    encoding.maxBitrate = asked;
    // Half the pictures, each worth looking at.
    if (slow) encoding.maxFramerate = SLOW;
    else delete encoding.maxFramerate;
    // Not every browser knows the preference; the call does not need it.
    sender.setParameters(parameters).catch(() => (this.#tuned = ""));
  }

  /**
   * Asks for what the encoder may use, and again for as long as it is used.
   * @param {number} [after] the next time, ms
   */
  #follow(after = PACED_EVERY) {
    clearTimeout(this.#paced);
    this.tune();
    this.#paced = setTimeout(() => void this.#look(), after);
  }

  /** Nothing is sent any more. */
  #rest() {
    clearTimeout(this.#paced);
    this.#paced = 0;
    this.#waiting.rest();
  }

  /** Looks how long packets wait before they leave. */
  async #look() {
    const round = this.#paced;
    // Where media has flowed while it rang, the browser's estimate falls to a share of that as the call starts, and comes back
    // only if the encoder goes on.
    const early = this.#unknown === HEARD_BITRATE && this.#share < 1;
    const report = early ? null : await this.#video.sender.getStats().catch(() => null);
    // Begun anew meanwhile, or over.
    if (round !== this.#paced) return;
    if (report) this.#waiting.look(report);
    this.#follow();
  }

  /** Where no swap is under way it begins here and now, before anything else that its caller does. */
  #apply() {
    const swap = this.#swapping === 0 ? this.#swap() : this.#swaps.then(() => this.#swap());
    this.#swapping += 1;
    this.#swaps = swap.finally(() => (this.#swapping -= 1));
    return this.#swaps;
  }

  async #swap() {
    // What counts is the gate when the swap's turn comes: a change of devices after `stop` must
    // not bring the tracks back.
    const { audio, video } = this.#open ? this.#outgoing : NOTHING;
    const silent = this.#first?.track ?? null;
    const picture = this.#alone || this.#stills ? silent : (video ?? silent);
    this.#encoded ||= picture !== silent;
    if (picture === video && video) this.#pace.flows(video);
    else this.#pace.rests();
    await Promise.all([swap(this.#video.sender, picture), swap(this.#audio.sender, audio)]);
    if (video) this.#follow();
    else this.#rest();
  }
}

/**
 * @param {RTCRtpSender} sender
 * @param {MediaStreamTrack | null} track
 */
async function swap(sender, track) {
  if (sender.track === track) return;
  try {
    await sender.replaceTrack(track);
  } catch (error) {
    // A connection that was closed meanwhile is no fault: the next one starts with the track.
    if (/** @type {DOMException} */ (error).name !== "InvalidStateError") console.warn("vitrine: track not attached", error);
  }
}
