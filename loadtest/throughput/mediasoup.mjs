// The least application with which mediasoup forwards calls: it is a library and speaks no protocol of its own.
//
// `throughput peers --mediasoup PACKAGE` starts it with two arguments: PACKAGE, the folder of an installed mediasoup,
// and where it listens. One worker, one UDP port. It says {"worker": PID} first; then each line of standard input is a
// request, and each line of output an answer:
//
//   {"join": {"fingerprint": "sha-256 AA:…", "ssrcs": [audio, video, repair]}} → {"ufrag", "pwd", "port"}
//   {"watch": [viewer, publisher]}, the n-th and the m-th that joined          → {}
//
// What goes wrong is answered as {"error": …}.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, address] = process.argv.slice(-2);
const mediasoup = createRequire(import.meta.url)(resolve(folder));

// As large as those of the node: with the kernel's default some percent of the packets are lost.
const BUFFER = 4 << 20;
// As the peers have it (loadtest/peer/src/sdp.rs): mediasoup chooses the same.
const OPUS = { mimeType: "audio/opus", clockRate: 48000, channels: 2, parameters: { useinbandfec: 1 } };
const VP8 = { mimeType: "video/VP8", clockRate: 90000, parameters: {} };
const [OPUS_TYPE, VP8_TYPE, RTX_TYPE] = [111, 96, 100];
const URIS = {
  mid: "urn:ietf:params:rtp-hdrext:sdes:mid",
  sendTime: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
  sequence: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
  level: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
};
const EXTENSIONS = [
  { uri: URIS.mid, id: 1 },
  { uri: URIS.sendTime, id: 4 },
  { uri: URIS.sequence, id: 5 },
];

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const worker = await mediasoup.createWorker({ logLevel: "error" });
worker.on("died", () => process.exit(1));
const listen = { protocol: "udp", ip: address, sendBufferSize: BUFFER, recvBufferSize: BUFFER };
const webRtcServer = await worker.createWebRtcServer({ listenInfos: [listen] });
const router = await worker.createRouter({
  mediaCodecs: [
    { kind: "audio", ...OPUS, preferredPayloadType: OPUS_TYPE },
    { kind: "video", ...VP8, preferredPayloadType: VP8_TYPE },
  ],
});
const participants = [];

async function enter({ fingerprint, ssrcs: [audio, video, repair] }) {
  const transport = await router.createWebRtcTransport({
    webRtcServer,
    enableUdp: true,
    initialAvailableOutgoingBitrate: 2_500_000,
  });
  const [algorithm, value] = fingerprint.split(" ");
  // The peers are DTLS servers, as for the others.
  await transport.connect({ dtlsParameters: { role: "server", fingerprints: [{ algorithm, value }] } });
  const rtcp = { cname: "peer", reducedSize: true };
  const producers = [
    await transport.produce({
      kind: "audio",
      rtpParameters: {
        mid: "0",
        codecs: [{ ...OPUS, payloadType: OPUS_TYPE, rtcpFeedback: [{ type: "transport-cc" }] }],
        headerExtensions: [...EXTENSIONS, { uri: URIS.level, id: 10 }],
        encodings: [{ ssrc: audio }],
        rtcp,
      },
    }),
    await transport.produce({
      kind: "video",
      rtpParameters: {
        mid: "1",
        codecs: [
          {
            ...VP8,
            payloadType: VP8_TYPE,
            rtcpFeedback: [
              { type: "nack" },
              { type: "nack", parameter: "pli" },
              { type: "ccm", parameter: "fir" },
              { type: "goog-remb" },
              { type: "transport-cc" },
            ],
          },
          { mimeType: "video/rtx", payloadType: RTX_TYPE, clockRate: 90000, parameters: { apt: VP8_TYPE } },
        ],
        headerExtensions: EXTENSIONS,
        encodings: [{ ssrc: video, rtx: { ssrc: repair } }],
        rtcp,
      },
    }),
  ];
  participants.push({ transport, producers });
  const { usernameFragment, password } = transport.iceParameters;
  return { ufrag: usernameFragment, pwd: password, port: transport.iceCandidates[0].port };
}

async function watch([viewer, publisher]) {
  const { rtpCapabilities } = router;
  for (const { id } of participants[publisher].producers) {
    await participants[viewer].transport.consume({ producerId: id, rtpCapabilities });
  }
  return {};
}

process.on("SIGTERM", () => process.exit(0));
say({ worker: worker.pid });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const request = JSON.parse(line);
    say(request.join ? await enter(request.join) : await watch(request.watch));
  } catch (error) {
    say({ error: String(error) });
  }
}
process.exit(0);
