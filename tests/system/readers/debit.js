// A debit through the npm package "smartcard": the commands come as arguments, the answers go out.
const { Context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1, SCARD_UNPOWER_CARD,
  transmitWithAutoResponse } = require('smartcard');

async function main() {
  const context = new Context();
  const card = await context.listReaders()[0].connect(
    SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1);
  for (const command of process.argv.slice(2)) {
    const answer = await transmitWithAutoResponse(
      card, Buffer.from(command, 'hex'), { autoGetResponse: true });
    console.log(answer.toString('hex'));
  }
  card.disconnect(SCARD_UNPOWER_CARD);
  context.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
