const ms = require("ms")
const has = (name) => { try { require.resolve(name); return true } catch { return false } }
const server = require("http").createServer((req, res) =>
  res.end(`${ms(60000)} dev=${has("is-number")} uid=${process.getuid()} env=${process.env.NODE_ENV}\n`))
server.listen(process.env.PORT)
process.on("SIGTERM", () => process.exit(7))
