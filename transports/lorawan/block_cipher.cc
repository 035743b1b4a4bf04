#include "transports/lorawan/block_cipher.h"

#include <nettle/aes.h>
#include <nettle/cmac.h>

namespace selvage::lorawan {

AesBlock AesEncrypt(const Aes128Key& key, const AesBlock& block) {
  aes128_ctx context;
  aes128_set_encrypt_key(&context, key.data());
  AesBlock out;
  aes128_encrypt(&context, out.size(), out.data(), block.data());
  return out;
}

AesBlock AesDecrypt(const Aes128Key& key, const AesBlock& block) {
  aes128_ctx context;
  aes128_set_decrypt_key(&context, key.data());
  AesBlock out;
  aes128_decrypt(&context, out.size(), out.data(), block.data());
  return out;
}

AesBlock AesCmac(const Aes128Key& key, ByteSpan first, ByteSpan second) {
  cmac_aes128_ctx context;
  cmac_aes128_set_key(&context, key.data());
  cmac_aes128_update(&context, first.size(), first.data());
  cmac_aes128_update(&context, second.size(), second.data());
  AesBlock out;
  cmac_aes128_digest(&context, out.size(), out.data());
  return out;
}

}  // namespace selvage::lorawan
