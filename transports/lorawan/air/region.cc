#include "transports/lorawan/air/region.h"

#include <cassert>

#include "transports/lorawan/air/modulation.h"

namespace selvage::lorawan {
namespace {

DataRate Lora(int index, int sf, std::int64_t bandwidth_hz, std::size_t n, bool up = true,
              bool down = true) {
  return {index, sf, bandwidth_hz, 0, n, up, down};
}

Region MakeEu868() {
  Region r;
  r.name = "EU868";
  r.data_rates = {Lora(0, 12, 125000, 51), Lora(1, 11, 125000, 51),
                  Lora(2, 10, 125000, 51), Lora(3, 9, 125000, 115),
                  Lora(4, 8, 125000, 242), Lora(5, 7, 125000, 242),
                  Lora(6, 7, 250000, 242), {7, 0, 0, 50000, 242, true, true}};
  // EN 300 220-2 annex B bands as LoRaWAN stacks split them. 865 to 868 MHz and 868.0 to 868.6 MHz
  // meet at 868.0, where no channel can lie in both because its bandwidth must fit into one.
  r.sub_bands = {{863'000'000, 865'000'000, 1000, 16}, {865'000'000, 868'000'000, 100, 16},
                 {868'000'000, 868'600'000, 100, 16},  {868'700'000, 869'200'000, 1000, 16},
                 {869'400'000, 869'650'000, 10, 29},   {869'700'000, 870'000'000, 100, 16}};
  r.join_channels_hz = {868'100'000, 868'300'000, 868'500'000};
  r.rx2_hz = 869'525'000;
  r.rx2_data_rate = 0;
  return r;
}

Region MakeUs915() {
  Region r;
  r.name = "US915";
  r.data_rates = {Lora(0, 10, 125000, 11, true, false),  Lora(1, 9, 125000, 53, true, false),
                  Lora(2, 8, 125000, 125, true, false),  Lora(3, 7, 125000, 242, true, false),
                  Lora(4, 8, 500000, 242, true, false),  Lora(8, 12, 500000, 53, false, true),
                  Lora(9, 11, 500000, 129, false, true), Lora(10, 10, 500000, 242, false, true),
                  Lora(11, 9, 500000, 242, false, true), Lora(12, 8, 500000, 242, false, true),
                  Lora(13, 7, 500000, 242, false, true)};
  r.sub_bands = {{902'000'000, 928'000'000, 0, 30}};
  for (int i = 0; i < 64; ++i) r.join_channels_hz.push_back(902'300'000 + 200'000 * i);
  for (int i = 0; i < 8; ++i) r.join_channels_hz.push_back(903'000'000 + 1'600'000 * i);
  r.rx2_hz = 923'300'000;
  r.rx2_data_rate = 8;
  r.dwell_max = 400ms;
  r.dwell_window = 20s;
  return r;
}

}  // namespace

const DataRate* Region::FindDataRate(int index) const {
  for (const DataRate& rate : data_rates) {
    if (rate.index == index) return &rate;
  }
  return nullptr;
}

int Region::FindSubBand(std::int64_t frequency_hz, std::int64_t bandwidth_hz) const {
  for (std::size_t i = 0; i < sub_bands.size(); ++i) {
    if (frequency_hz - bandwidth_hz / 2 >= sub_bands[i].low_hz &&
        frequency_hz + bandwidth_hz / 2 <= sub_bands[i].high_hz) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

Duration Region::TimeOnAir(const DataRate& rate, std::size_t phy_bytes, bool downlink) const {
  if (rate.spreading_factor == 0) return FskTimeOnAir(rate.bits_per_second, phy_bytes);
  LoraModulation m;
  m.spreading_factor = rate.spreading_factor;
  m.bandwidth_hz = rate.bandwidth_hz;
  m.crc = !downlink;
  return LoraTimeOnAir(m, phy_bytes);
}

const Region& Eu868() {
  static const Region region = MakeEu868();
  return region;
}

const Region& Us915() {
  static const Region region = MakeUs915();
  return region;
}

const Region* FindRegion(std::string_view name) {
  if (name == Eu868().name) return &Eu868();
  if (name == Us915().name) return &Us915();
  return nullptr;
}

}  // namespace selvage::lorawan
