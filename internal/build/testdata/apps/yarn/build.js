const fs = require("fs")
if (!require("is-number")(1)) throw new Error("a development dependency is missing")
fs.mkdirSync("dist", { recursive: true })
fs.copyFileSync("server.js", "dist/server.js")
