// @ts-check
/** How loud a microphone is, from its samples and nothing else: silence is never called "works". */

/** Samples looked at each time: 20 ms at 48 kHz and a bit. */
const WINDOW = 1_024;
/** Quieter than this (about −60 dB) is a switched-off microphone, not a quiet room. */
const SILENCE = 0.001;

export class Meter {
  /** @type {AudioContext | null} */ #context = null;
  /** @type {MediaStreamAudioSourceNode | null} */ #source = null;
  /** @type {MediaStreamTrack | null} */ #track = null;
  #frame = 0;
  #onLevel;

  /** @param {(level: number, heard: boolean) => void} onLevel level 0 to 1, on a scale for eyes */
  constructor(onLevel) {
    this.#onLevel = onLevel;
    // Some browsers start audio only after a touch.
    for (const type of ["pointerdown", "keydown"]) {
      addEventListener(type, () => void this.#context?.resume(), { passive: true });
    }
  }

  /** @param {MediaStreamTrack | null} track */
  watch(track) {
    if (track === this.#track) return;
    this.#track = track;
    cancelAnimationFrame(this.#frame);
    this.#source?.disconnect();
    this.#onLevel(0, false);
    if (!track) {
      void this.#context?.suspend();
      return;
    }
    this.#context ??= new AudioContext();
    void this.#context.resume();
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = WINDOW;
    this.#source.connect(analyser);
    this.#read(analyser, new Float32Array(WINDOW), 0, false);
  }

  /**
   * @param {AnalyserNode} analyser
   * @param {Float32Array<ArrayBuffer>} samples
   * @param {number} shown
   * @param {boolean} heard
   */
  #read(analyser, samples, shown, heard) {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const rms = Math.sqrt(sum / samples.length);
    // −60 dB to −10 dB fill the bar; it jumps up and sinks slowly, as ears expect.
    const level = rms > SILENCE ? Math.min(1, (20 * Math.log10(rms) + 60) / 50) : 0;
    const next = level > shown ? level : shown * 0.85;
    const known = heard || rms > SILENCE;
    this.#onLevel(next, known);
    this.#frame = requestAnimationFrame(() => this.#read(analyser, samples, next, known));
  }
}
