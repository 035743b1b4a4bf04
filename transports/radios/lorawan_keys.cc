#include "transports/radios/lorawan_keys.h"

#include <fstream>
#include <set>
#include <sstream>

namespace selvage {

absl::StatusOr<std::vector<LorawanKeys>> ReadLorawanKeys(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return absl::InvalidArgumentError("the file of LoRaWAN keys, " + path + ", cannot be read");
  }
  std::vector<LorawanKeys> out;
  std::set<std::string> seen;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string dev_eui, join_eui, app_key, of_class, more;
    if (!(words >> dev_eui)) continue;
    words >> join_eui >> app_key >> of_class;
    LorawanKeys k;
    const auto wrong = [&](const std::string& what) {
      return absl::InvalidArgumentError(path + ":" + std::to_string(number) + ": " + what);
    };
    if (!FromHex(dev_eui, &k.dev_eui) || k.dev_eui.size() != 8 || !FromHex(join_eui, &k.join_eui) ||
        k.join_eui.size() != 8 || !FromHex(app_key, &k.app_key) || k.app_key.size() != 16) {
      return wrong("a device is DevEUI (16 digits), JoinEUI (16), AppKey (32), and A or C");
    }
    if ((of_class != "A" && of_class != "C") || words >> more) {
      return wrong("the fourth and last word is the device's class, A or C");
    }
    k.class_c = of_class == "C";
    if (!seen.insert(ToHex(k.dev_eui)).second) return wrong("this DevEUI is listed already");
    if (out.size() == kLorawanDevicesMax) {
      return wrong("more than " + std::to_string(kLorawanDevicesMax) + " devices");
    }
    out.push_back(std::move(k));
  }
  if (out.empty()) return absl::InvalidArgumentError(path + " lists no device");
  return out;
}

}  // namespace selvage
