// Attaches to an agent that is not there: the API answers with a reason and throws nothing.
#include <chrono>
#include <cstdio>
#include <string>

#include <selvage/client.h>

int main() {
  std::string error;
  auto client = selvage::Client::Connect("ipc:///nonexistent/api.sock", &error,
                                         std::chrono::milliseconds(50));
  std::printf("%s\n", error.c_str());
  return client == nullptr && !error.empty() ? 0 : 1;
}
