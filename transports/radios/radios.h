// Makes the radios known to the registry of transports.
#pragma once

namespace selvage {

// Adds "wifi", "redcap", "satellite" and "lorawan". May be called again; one thread.
void RegisterRadios();

}  // namespace selvage
