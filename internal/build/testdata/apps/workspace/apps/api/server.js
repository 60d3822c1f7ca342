const lib = require("lib")
const has = (name) => { try { require.resolve(name); return true } catch { return false } }
require("http").createServer((req, res) => res.end(`${lib} dev=${has("is-number")}\n`)).listen(process.env.PORT)
