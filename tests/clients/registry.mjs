// node registry.mjs FUNCTION ARGUMENTS: calls a function of the client with a JSON array; null stands for "not given".
import client from '@snyk/docker-registry-v2-client'

const [name, given] = process.argv.slice(2)
const result = await client[name](...JSON.parse(given).map((each) => each ?? undefined))
console.log(JSON.stringify(name === 'downloadLayer' ? null : result))
