// The other side of interop_test.py: npm's lora-packet.
//
//   node lora_packet.js verify   each line's `phy` must be right and hold the fields beside it
//   node lora_packet.js make     the same lines, with `phy` made by lora-packet
"use strict";
const lora = require("lora-packet");
const { decryptFOpts } = require("lora-packet/out/lib/crypto");  // its face does not offer it
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean).map(JSON.parse);
const hex = (text) => Buffer.from(text, "hex");

// 16 bits: big endian for uplinks and little endian for downlinks is what its MIC takes.
function context(line) {
  const out = Buffer.alloc(line.up ? 4 : 2);
  if (line.up) {
    out.writeUInt16BE(line.confirmed_fcnt);
    out[2] = line.tx_data_rate;
    out[3] = line.tx_channel;
  } else {
    out.writeUInt16LE(line.confirmed_fcnt);
  }
  return out;
}

function upper(line) {
  const out = Buffer.alloc(2);
  out.writeUInt16LE(line.fcnt >>> 16);
  return out;
}

const new11 = (line) => line.version === "1.1";

function micArguments(line) {
  return new11(line)
    ? [hex(line.fnwk_s_int), hex(line.snwk_s_int), upper(line), context(line)]
    : [hex(line.fnwk_s_int), undefined, upper(line)];
}

function verifyData(line) {
  const packet = lora.fromWire(hex(line.phy));
  const same = (what, a, b) => {
    if (a !== b) throw new Error(`${what}: ${a}, not ${b}: ${JSON.stringify(line)}`);
  };
  same("MIC", lora.verifyMIC(packet, ...micArguments(line)), true);
  same("direction", packet.getDir(), line.up ? "up" : "down");
  same("confirmed", packet.isConfirmed(), line.confirmed);
  same("address", packet.DevAddr.toString("hex"), line.dev_addr);
  same("counter", packet.getFCnt(), line.fcnt & 0xffff);
  same("port", packet.getFPort(), line.fport);
  same("ACK", packet.getFCtrlACK(), line.ack);
  same("ADR", packet.getFCtrlADR(), line.adr);
  const key = line.fport === 0 ? hex(line.nwk_s_enc) : hex(line.app_s);
  same("payload", lora.decrypt(packet, key, key, upper(line)).toString("hex"), line.payload);
  if (new11(line) && line.fopts !== "") {
    same("options", decryptFOpts(packet, hex(line.nwk_s_enc), upper(line)).toString("hex"),
      line.fopts);
  } else {
    same("options", packet.FOpts.toString("hex"), line.fopts);
  }
}

function makeData(line) {
  const fields = {
    MType: line.up ? (line.confirmed ? 4 : 2) : (line.confirmed ? 5 : 3),
    DevAddr: hex(line.dev_addr),
    FCtrl: { ADR: line.adr, ADRACKReq: line.adr_ack_request, ACK: line.ack, FPending: line.pending },
    FCnt: hex((line.fcnt & 0xffff).toString(16).padStart(4, "0")),
    FPort: line.fport,
    FOpts: line.fopts,
    payload: hex(line.payload),
  };
  if (new11(line) && line.fopts !== "") {  // it does not encrypt them by itself; XOR twice is nothing
    const plain = lora.fromFields(fields);
    fields.FOpts = decryptFOpts(plain, hex(line.nwk_s_enc), upper(line)).toString("hex");
  }
  const [network, second, high, extra] = micArguments(line);
  // On port 0 of 1.1 it takes the encryption key where the application's usually stands.
  const app = new11(line) && line.fport === 0 ? hex(line.nwk_s_enc) : hex(line.app_s);
  return lora.fromFields(fields, app, network, second, high, extra);
}

function verifyJoinRequest(line) {
  const packet = lora.fromWire(hex(line.phy));
  if (!lora.verifyMIC(packet, null, hex(line.nwk_key)) ||
      packet.AppEUI.toString("hex") !== line.join_eui ||
      packet.DevEUI.toString("hex") !== line.dev_eui ||
      packet.DevNonce.toString("hex") !== line.dev_nonce) {
    throw new Error("join request: " + JSON.stringify(line));
  }
}

function makeJoinRequest(line) {
  return lora.fromFields({
    MType: 0, AppEUI: hex(line.join_eui), DevEUI: hex(line.dev_eui), DevNonce: hex(line.dev_nonce),
  }, null, null, hex(line.nwk_key));
}

function joinAcceptMic(line, packet) {
  if (!new11(line)) return [packet, null, hex(line.nwk_key)];
  packet.JoinReqType = Buffer.from([0xff]);
  packet.JoinEUI = hex(line.join_eui);
  packet.DevNonce = hex(line.dev_nonce);
  const keys = lora.generateJSKeys(hex(line.nwk_key), hex(line.dev_eui));
  return [packet, keys.JSIntKey, hex(line.nwk_key)];
}

function verifyJoinAccept(line) {
  const clear = lora.decryptJoinAccept(lora.fromWire(hex(line.phy)), hex(line.nwk_key));
  const packet = lora.fromWire(clear);
  if (!lora.verifyMIC(...joinAcceptMic(line, packet)) ||
      packet.AppNonce.toString("hex") !== line.join_nonce ||
      packet.NetID.toString("hex") !== line.net_id ||
      packet.DevAddr.toString("hex") !== line.dev_addr ||
      packet.DLSettings.toString("hex") !== line.dl_settings ||
      packet.RxDelay.toString("hex") !== line.rx_delay ||
      packet.CFList.toString("hex") !== line.cf_list) {
    throw new Error("join accept: " + JSON.stringify(line));
  }
  const nonces = [hex(line.join_nonce), hex(line.dev_nonce)];
  const keys = new11(line)
    ? lora.generateSessionKeys11(hex(line.app_key), hex(line.nwk_key), hex(line.join_eui), ...nonces)
    : lora.generateSessionKeys10(hex(line.nwk_key), hex(line.net_id), ...nonces);
  const network = keys.NwkSKey || keys.FNwkSIntKey;
  if (keys.AppSKey.toString("hex") !== line.app_s || network.toString("hex") !== line.fnwk_s_int ||
      (new11(line) && (keys.SNwkSIntKey.toString("hex") !== line.snwk_s_int ||
                       keys.NwkSEncKey.toString("hex") !== line.nwk_s_enc))) {
    throw new Error("session keys: " + JSON.stringify(line));
  }
}

// 1.0 only: for 1.1 its constructor does not know the request that the MIC covers.
function makeJoinAccept(line) {
  return lora.fromFields({
    MType: 1, AppNonce: hex(line.join_nonce), NetID: hex(line.net_id), DevAddr: hex(line.dev_addr),
    DLSettings: hex(line.dl_settings), RxDelay: hex(line.rx_delay), CFList: hex(line.cf_list),
  }, null, null, hex(line.nwk_key));
}

const verify = { data: verifyData, join_request: verifyJoinRequest, join_accept: verifyJoinAccept };
const make = { data: makeData, join_request: makeJoinRequest, join_accept: makeJoinAccept };

if (process.argv[2] === "verify") {
  for (const line of lines) verify[line.kind](line);
  console.log(lines.length);
} else {
  for (const line of lines) {
    if (line.kind === "join_accept" && new11(line)) continue;
    line.phy = make[line.kind](line).PHYPayload.toString("hex");
    console.log(JSON.stringify(line));
  }
}
