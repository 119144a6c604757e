'use strict';

// Calls the agent, asks the question after its greeting, listens to the answer,
// presses a key, holds the call and hangs up; then tells the server of the page what was measured.
const query = new URLSearchParams(location.search);
const limit = 50000; // ms
const loud = 0.01; // RMS of a block; the agent's voice has 0.05 and more
const pause = 1200; // ms of quiet that end what somebody says

const told = { events: [] };
const began = performance.now();

function note(event) {
  told.events.push(`${Math.round(performance.now() - began)} ms: ${event}`);
}

let reported = false;
async function report(failure) {
  if (reported) return;
  reported = true;
  if (failure) told.failure = String(failure.stack || failure);
  await fetch('report', { method: 'POST', body: JSON.stringify(told) });
}
addEventListener('error', (e) => report(e.error || e.message));
addEventListener('unhandledrejection', (e) => report(e.reason));
setTimeout(() => report('out of time'), limit);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Ear tells from the samples of a stream whether somebody speaks.
class Ear {
  constructor(context, stream) {
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 2048;
    context.createMediaStreamSource(stream).connect(this.analyser);
    this.block = new Float32Array(this.analyser.fftSize);
    this.peak = 0;
  }

  level() {
    this.analyser.getFloatTimeDomainData(this.block);
    const rms = Math.sqrt(this.block.reduce((sum, s) => sum + s * s, 0) / this.block.length);
    this.peak = Math.max(this.peak, rms);
    return rms;
  }

  // spurt waits until somebody has begun to speak and has stopped; it gives how
  // long that was, in ms.
  async spurt() {
    while (this.level() < loud) await sleep(20);
    const first = performance.now();
    let last = first;
    while (performance.now() - last < pause) {
      if (this.level() >= loud) last = performance.now();
      await sleep(20);
    }
    return last - first;
  }
}

async function main() {
  const JsSIP = require('jssip');
  const context = new AudioContext();
  await context.resume();
  const wav = await (await fetch('question.wav')).arrayBuffer();
  const question = context.createBufferSource();
  question.buffer = await context.decodeAudioData(wav);
  const mouth = context.createMediaStreamDestination();
  question.connect(mouth);
  const line = context.createConstantSource(); // silence: Chromium sends nothing, keys neither, while there is no sound to send
  line.offset.value = 0;
  line.connect(mouth);
  line.start();

  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(query.get('gateway'))],
    uri: `sip:browser@${location.hostname}`,
    register: false,
  });
  const connected = new Promise((resolve, reject) => {
    ua.on('connected', resolve);
    ua.on('disconnected', () => reject(new Error('the WebSocket is closed')));
  });
  ua.start();
  await connected;
  note('connected');

  const session = ua.call(query.get('agent'), { mediaStream: mouth.stream, pcConfig: { iceServers: [] } });
  const heard = new Promise((resolve) => {
    session.connection.addEventListener('track', (e) => resolve(e.streams[0]));
  });
  session.connection.addEventListener('iceconnectionstatechange', () => note(`ICE ${session.connection.iceConnectionState}`));
  session.connection.addEventListener('connectionstatechange', () => note(`connection ${session.connection.connectionState}`));
  await new Promise((resolve, reject) => {
    session.on('confirmed', resolve);
    session.on('failed', (e) => reject(new Error(`the call failed: ${e.cause}`)));
  });
  note('answered');
  told.offer = session.connection.localDescription.sdp;
  told.answer = session.connection.remoteDescription.sdp;

  const stream = await heard;
  document.getElementById('agent').srcObject = stream; // else Chromium plays none of it
  const ear = new Ear(context, stream);
  told.greeting = await ear.spurt();
  note('greeted');

  const asked = new Promise((resolve) => { question.onended = resolve; });
  question.start();
  await asked;
  note('asked');
  told.reply = await ear.spurt();
  note('replied to');
  told.peak = ear.peak;

  const keys = session.connection.getSenders()[0].dtmf;
  const pressed = new Promise((resolve) => { keys.ontonechange = (e) => { if (!e.tone) resolve(); }; });
  keys.insertDTMF('5');
  await pressed;
  note('pressed 5');

  for (const what of ['hold', 'unhold']) {
    const changed = new Promise((resolve) => { session.on(what, resolve); });
    if (!session[what]()) throw new Error(`it cannot ${what}`);
    await changed;
    note(what);
    await sleep(1000);
  }
  // Chromium counts what it receives anew after a hold.
  const received = async () => [...(await session.connection.getStats()).values()]
    .some((s) => s.type === 'inbound-rtp' && s.packetsReceived >= 20);
  while (!await received()) await sleep(100);
  note('heard after the hold');

  told.stats = [...(await session.connection.getStats()).values()]
    .filter((s) => ['inbound-rtp', 'outbound-rtp', 'transport', 'codec', 'candidate-pair'].includes(s.type));
  const ended = new Promise((resolve) => { session.on('ended', resolve); });
  session.terminate();
  await ended;
  note('hung up');
  await report();
  ua.stop();
}

main().catch(report);
