// What users of the two JavaScript clients do with a node: read the chain, follow it, sign messages
// with keys of their own and push them. Called with the address HOST:PORT and a token that may sign;
// prints "done" and ends with 0 when everything came out.

import assert from 'node:assert/strict'
import { LotusRPC } from '@filecoin-shipyard/lotus-client-rpc'
import { NodejsProvider } from '@filecoin-shipyard/lotus-client-provider-nodejs'
import { mainnet } from '@filecoin-shipyard/lotus-client-schema'
import glif from '@glif/filecoin-rpc-client'
import { blake2b } from '@noble/hashes/blake2b'
import { secp256k1 } from '@noble/curves/secp256k1'

const [address, token] = process.argv.slice(2)
const FIL = 10n ** 18n

const hash = (bytes, dkLen) => blake2b(bytes, { dkLen })

// Base32 of RFC 4648 in small letters, without padding.
function base32 (bytes) {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  let bits = 0
  let value = 0
  let text = ''
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += letters[(value >> bits) & 31]
      value &= (1 << bits) - 1
    }
  }
  return bits > 0 ? text + letters[(value << (5 - bits)) & 31] : text
}

// A secp256k1 key and its address, as bytes and as text.
function newKey () {
  const secret = secp256k1.utils.randomPrivateKey()
  const payload = hash(secp256k1.getPublicKey(secret, false), 20)
  const bytes = Uint8Array.of(1, ...payload)
  return { secret, bytes, text: 't1' + base32([...payload, ...hash(bytes, 4)]) }
}

// CBOR of a number, of bytes, of an amount.
function head (kind, n) {
  const number = BigInt(n)
  if (number < 24n) return [kind << 5 | Number(number)]
  const size = number < 2n ** 8n ? 1 : number < 2n ** 16n ? 2 : number < 2n ** 32n ? 4 : 8
  const bytes = []
  for (let at = size - 1; at >= 0; at--) bytes.push(Number((number >> BigInt(8 * at)) & 255n))
  return [kind << 5 | 24 + Math.log2(size), ...bytes]
}
const data = bytes => [...head(2, bytes.length), ...bytes]
function amount (text) {
  let n = BigInt(text)
  const bytes = []
  for (; n > 0n; n >>= 8n) bytes.unshift(Number(n & 255n))
  return data(bytes.length > 0 ? [0, ...bytes] : [])
}

// The signed form of a message between secp256k1 addresses.
function sign (message, from, to) {
  const body = Uint8Array.of(
    0x8a, 0, ...data(to.bytes), ...data(from.bytes), ...head(0, message.Nonce),
    ...amount(message.Value), ...head(0, message.GasLimit), ...amount(message.GasFeeCap),
    ...amount(message.GasPremium), ...head(0, message.Method), ...data([])
  )
  const cid = Uint8Array.of(1, 0x71, 0xa0, 0xe4, 2, 32, ...hash(body, 32))
  const signature = secp256k1.sign(hash(cid, 32), from.secret)
  const bytes = [...signature.toCompactRawBytes(), signature.recovery]
  return { Message: message, Signature: { Type: 1, Data: Buffer.from(bytes).toString('base64') } }
}

const provider = new NodejsProvider(`ws://${address}/rpc/v0`, { token })
const lotus = new LotusRPC(provider, { schema: mainnet.fullNode })
const node = new glif.default({ apiAddress: `http://${address}/rpc/v1`, token })

// Both read the same chain.
const version = await lotus.version()
assert.equal((await node.request('Version')).Version, version.Version)
const genesis = await lotus.chainGetGenesis()
assert.equal(genesis.Height, 0)
const again = await node.request('ChainGetTipSetByHeight', 0, null)
assert.deepEqual(again.Cids, genesis.Cids)
await assert.rejects(node.request('StateGetActor', 't09999999', null), /actor not found/)

// Follows the chain until this test has seen enough.
const seen = []
const [cancel, begun] = lotus.chainNotify(changes => seen.push(...changes))
await begun

// The node's own key pays the new one.
const me = newKey()
const you = newKey()
const rich = await lotus.walletDefaultAddress()
const funds = await lotus.mpoolPushMessage({
  Version: 0, To: me.text, From: rich, Nonce: 0, Value: (10n * FIL).toString(),
  GasLimit: 0, GasFeeCap: '0', GasPremium: '0', Method: 0, Params: ''
}, null)
const landed = await lotus.stateWaitMsg(funds.CID, 1)
assert.equal(landed.Receipt.ExitCode, 0)
assert.equal(await node.request('WalletBalance', me.text), (10n * FIL).toString())

// A message of the new key: over the WebSocket, then over HTTP.
async function prepared () {
  const bare = {
    Version: 0, To: you.text, From: me.text, Nonce: await lotus.mpoolGetNonce(me.text),
    Value: FIL.toString(), GasLimit: 0, GasFeeCap: '0', GasPremium: '0', Method: 0, Params: ''
  }
  return await node.request('GasEstimateMessageGas', bare, null, null)
}
const first = await lotus.mpoolPush(sign(await prepared(), me, you))
const second = await node.request('MpoolPush', sign(await prepared(), me, you))
for (const cid of [first, second]) {
  const found = await lotus.stateWaitMsg(cid, 1)
  assert.equal(found.Receipt.ExitCode, 0)
}
assert.equal(await node.request('WalletBalance', you.text), (2n * FIL).toString())
const forged = sign(await prepared(), { ...me, secret: you.secret }, you)
await assert.rejects(node.request('MpoolPush', forged))

// What was seen begins with the head at that time and goes up without a gap.
await cancel()
assert.equal(seen[0].Type, 'current')
const applied = seen.slice(1)
assert.ok(applied.length > 2, `${applied.length} changes`)
assert.ok(applied.every(change => change.Type === 'apply'))
for (let at = 1; at < applied.length; at++) {
  assert.deepEqual(applied[at].Val.Blocks[0].Parents, applied[at - 1].Val.Cids)
}

await lotus.destroy()
console.log('done')
