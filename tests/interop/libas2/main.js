// A partner that runs libas2. Reads a command as JSON in each line, answers each with a line of JSON.
//
// Messages are files with the headers of HTTP, an empty line and the body.
const fs = require('fs')
const readline = require('readline')
const { AS2Composer, AS2Parser } = require('libas2')
const pkijs = require('pkijs/build/index')

// libas2 takes the algorithm of a certificate's key for that of its signatures, which PKI.js tells apart.
const byOid = pkijs.CryptoEngine.prototype.getAlgorithmByOID
pkijs.CryptoEngine.prototype.getAlgorithmByOID = function (oid) {
  return oid === '1.2.840.113549.1.1.1' ? { name: 'RSASSA-PKCS1-v1_5', hash: { name: 'SHA-256' } } : byOid.call(this, oid)
}

// The partner is the host here, and Sluice its partner.
const agreement = (command) => ({
  host: {
    name: command.partner,
    id: command.partner,
    url: 'http://partner.example/as2',
    certificate: command.partner_certificate,
    privateKey: command.partner_private_key,
    decrypt: Boolean(command.encrypt),
    sign: command.sign || false,
    mdn: { async: false, signing: 'sha-256' },
  },
  partner: {
    name: command.sluice,
    id: command.sluice,
    url: 'http://sluice.example/as2',
    file: 'EDIX12',
    certificate: command.sluice_certificate,
    encrypt: command.encrypt || false,
    verify: Boolean(command.sign),
    mdn: { async: false, signing: 'sha-256' },
  },
})

const parts = {
  async send(command) {
    const message = { filename: command.file_name, contentType: command.content_type, content: fs.readFileSync(command.document) }
    const composer = new AS2Composer({ message, agreement: agreement(command) })
    const node = await composer.compile()
    fs.writeFileSync(command.message, await node.build())
    return { message_id: node.messageId() }
  },
  async receive(command) {
    const node = await AS2Parser.parse(fs.readFileSync(command.message))
    const { contentNode, dispositionNode, disposition } = await node.dispositionOut({ agreement: agreement(command) })
    fs.writeFileSync(command.receipt, await dispositionNode.build())
    if (contentNode) fs.writeFileSync(command.document, contentNode.content)
    return { disposition: disposition.notification }
  },
  async receipt(command) {
    const node = await AS2Parser.parse(fs.readFileSync(command.receipt))
    const disposition = await node.dispositionIn({ cert: command.sluice_certificate })
    return { disposition: disposition.notification }
  },
}

;(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const command = JSON.parse(line)
    const answer = await parts[command.do](command).catch((error) => ({ error: String(error.stack || error.message || error) }))
    console.log(JSON.stringify(answer))
  }
})()
