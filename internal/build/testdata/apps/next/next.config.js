module.exports = { output: "standalone" }
