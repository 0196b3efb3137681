import Foundation

extension FileStorage {
    /// Keeps each entry in a file of this directory, which is the app's own: not in a container that an extension shares. Throws
    /// `SealwireError.Busy` while another process has it open. `resistsRollback` is the app's promise that nothing brings older files back; the directory is then excluded from backups.
    public convenience init(directory: URL, resistsRollback: Bool = false) throws(SealwireError) {
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            #if canImport(Darwin)
            var excluded = URLResourceValues()
            excluded.isExcludedFromBackup = resistsRollback
            var place = directory
            try place.setResourceValues(excluded)
            #endif
            try self.init(directory: directory.path, resistsRollback: resistsRollback)
        } catch let error as SealwireError {
            throw error
        } catch {
            throw .storage("\(directory.path): \(error)")
        }
    }
}
