// node cri.mjs SOCKET IMAGE [USER PASSWORD]: what the kubelet asks of a container runtime, PullImage of its ImageService
// (runtime.v1, https://github.com/kubernetes/cri-api), and prints the answer's image reference.
import http2 from 'node:http2'
import net from 'node:net'

const [path, image, ...credentials] = process.argv.slice(2)

// A field of protocol buffers, of length-delimited type; all that is sent here is shorter than 16 KB.
function field(number, value) {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([(number << 3) | 2, (bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes])
}

const auth = credentials.map((value, at) => field(at + 1, value))
const message = Buffer.concat([field(1, field(1, image)), ...(auth.length ? [field(2, Buffer.concat(auth))] : [])])
const frame = Buffer.alloc(5)
frame.writeUInt32BE(message.length, 1)

const session = http2.connect('http://localhost', { createConnection: () => net.connect(path) })
const call = session.request({
  ':method': 'POST',
  ':path': '/runtime.v1.ImageService/PullImage',
  'content-type': 'application/grpc',
  te: 'trailers',
})
const parts = []
let status
call.on('response', (headers) => { status = headers })
call.on('trailers', (trailers) => { status = trailers })
call.on('data', (part) => parts.push(part))
call.on('end', () => {
  session.close()
  const answer = Buffer.concat(parts)
  if (status['grpc-status'] === '0') console.log(answer.subarray(5 + 2).toString())
  else {
    console.error(decodeURIComponent(status['grpc-message']))
    process.exitCode = 1
  }
})
call.end(Buffer.concat([frame, message]))
