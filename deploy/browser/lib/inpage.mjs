// Runs inside each page before its own scripts: remembers the page's peer connections and measures
// what really arrives on them. It changes nothing that the page sees.

/** Injected with `evaluateOnNewDocument`; must not refer to anything outside itself. */
export function installProbe() {
  // A page may make connections in a frame of its own.
  const pcs = window.parent.__probe?.pcs ?? [];
  /** How long each connection took from its making. */
  const openedAfter = new WeakMap();
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = new Proxy(Native, {
    construct(target, args, newTarget) {
      const pc = Reflect.construct(target, args, newTarget);
      pcs.push(pc);
      const made = performance.now();
      pc.addEventListener("connectionstatechange", () => {
        if (pc.connectionState === "connected" && !openedAfter.has(pc)) openedAfter.set(pc, performance.now() - made);
      });
      return pc;
    },
  });

  // What signaling told the page, to find a call's id. Pages have no reason to show it.
  const heard = [];
  let newest;
  /** As if signaling had said it: for what only a bad network would make it say. */
  const hear = (message) => {
    newest.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
  };
  const NativeSocket = window.WebSocket;
  window.WebSocket = new Proxy(NativeSocket, {
    construct(target, args, newTarget) {
      const socket = Reflect.construct(target, args, newTarget);
      // What comes on a page's second connection comes on its first one too.
      if (!String(args[0]).endsWith("/ws")) return socket;
      newest = socket;
      socket.addEventListener("message", ({ data }) => heard.push(JSON.parse(data)));
      return socket;
    },
  });

  const live = () => pcs.filter((pc) => pc.connectionState !== "closed");

  const receiverTracks = (kind) =>
    live().flatMap((pc) => pc.getReceivers().map((r) => r.track)).filter((t) => t?.kind === kind);

  /** The visible <video> that shows a remote track: the largest, as a person would look at. */
  const remoteVideo = () => {
    const remote = new Set(receiverTracks("video").map((track) => track.id));
    const shown = [...document.querySelectorAll("video")].filter(
      (video) =>
        video.srcObject?.getVideoTracks?.().some((track) => remote.has(track.id)) &&
        video.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }),
    );
    const area = (video) => video.clientWidth * video.clientHeight;
    return shown.sort((a, b) => area(b) - area(a))[0];
  };

  /** Share of the element that nothing lies over, from a grid of points. */
  const uncovered = (element) => {
    const box = element.getBoundingClientRect();
    let free = 0;
    for (let i = 0; i < 25; i += 1) {
      const x = box.left + (box.width * (0.5 + (i % 5))) / 5;
      const y = box.top + (box.height * (0.5 + Math.floor(i / 5))) / 5;
      if (document.elementFromPoint(x, y) === element) free += 1;
    }
    return free / 25;
  };

  /** Mean colour of the remote picture as decoded, and the size it is decoded and shown at. */
  const picture = () => {
    const video = remoteVideo();
    if (!video || video.readyState < 2 || video.videoWidth === 0) return null;
    const canvas = document.createElement("canvas");
    canvas.width = 32;
    canvas.height = 18;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const sum = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4) {
      for (let c = 0; c < 3; c += 1) sum[c] += data[i + c];
    }
    return {
      rgb: sum.map((total) => Math.round(total / (data.length / 4))),
      width: video.videoWidth,
      height: video.videoHeight,
      shownWidth: video.clientWidth,
      shownHeight: video.clientHeight,
      uncovered: uncovered(video),
    };
  };

  let audio = null;
  /** Loudest frequency of the remote sound within `ms`, and how loud it is (0 to 1). */
  const tone = async (ms) => {
    const [track] = receiverTracks("audio").slice(-1);
    if (!track) return { hz: 0, level: 0 };
    audio ??= new AudioContext();
    await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 1_000))]);
    const source = audio.createMediaStreamSource(new MediaStream([track]));
    const analyser = audio.createAnalyser();
    analyser.fftSize = 8192;
    analyser.smoothingTimeConstant = 0;
    source.connect(analyser);
    const bins = new Float32Array(analyser.frequencyBinCount);
    const wave = new Float32Array(analyser.fftSize);
    const power = new Float64Array(bins.length);
    let level = 0;
    const end = performance.now() + ms;
    while (performance.now() < end) {
      await new Promise((done) => setTimeout(done, 60));
      analyser.getFloatFrequencyData(bins);
      analyser.getFloatTimeDomainData(wave);
      for (let i = 0; i < bins.length; i += 1) power[i] += 10 ** (bins[i] / 10);
      for (const sample of wave) level = Math.max(level, Math.abs(sample));
    }
    source.disconnect();
    let best = 0;
    for (let i = 1; i < power.length; i += 1) if (power[i] > power[best]) best = i;
    return { hz: (best * audio.sampleRate) / analyser.fftSize, level, state: audio.state };
  };

  /** What a connection says of itself; nothing once it is closed, for in a frame that is gone it never answers. */
  const reportOf = async (pc) => {
    const asked = pc.getStats();
    for (;;) {
      const report = await Promise.race([asked, new Promise((done) => setTimeout(done, 100))]);
      if (report) return report;
      if (pc.connectionState === "closed") return new Map();
    }
  };

  /** The figures of getStats that the tests compare. */
  const stats = async () => {
    const out = {
      connections: live().length,
      packetsSent: 0,
      audioPacketsSent: 0,
      videoPacketsSent: 0,
      framesEncoded: 0,
      framesDecoded: 0,
      payloadReceived: 0,
      audioPacketsReceived: 0,
      audioEnergy: 0,
      dtls: null,
      tlsVersion: null,
      srtp: null,
      codecs: [],
    };
    for (const pc of live()) {
      const report = await reportOf(pc);
      for (const s of report.values()) {
        if (s.type === "outbound-rtp") {
          out.packetsSent += s.packetsSent ?? 0;
          if (s.kind === "audio") out.audioPacketsSent += s.packetsSent ?? 0;
          if (s.kind === "video") {
            out.videoPacketsSent += s.packetsSent ?? 0;
            out.framesEncoded += s.framesEncoded ?? 0;
          }
        } else if (s.type === "inbound-rtp") {
          // Neither headers nor padding, of which the node asks for the way's width (decision 0064).
          out.payloadReceived += s.bytesReceived ?? 0;
          if (s.kind === "video") out.framesDecoded += s.framesDecoded ?? 0;
          if (s.kind === "audio") {
            out.audioPacketsReceived += s.packetsReceived ?? 0;
            out.audioEnergy += s.totalAudioEnergy ?? 0;
          }
          const codec = report.get(s.codecId);
          if (codec) out.codecs.push(codec.mimeType);
        } else if (s.type === "transport") {
          out.dtls = s.dtlsState ?? out.dtls;
          out.tlsVersion = s.tlsVersion ?? out.tlsVersion;
          out.srtp = s.srtpCipher ?? out.srtp;
        }
      }
    }
    return out;
  };

  const violations = [];
  addEventListener("securitypolicyviolation", (event) => {
    violations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });

  Object.defineProperty(window, "__probe", {
    value: { picture, tone, stats, violations, heard, hear, pcs, openedAfter },
  });
}
